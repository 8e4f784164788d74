/** svm of era events behind an IOMMU: HMM maps for it what it fills. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({ ...svm, name: 'behind-iommu', behindIommu: true })
