/** `hmm report`: the page of a result, in a file of its own that opens without a network. */
import { report } from '../report/report.ts'
import { writeWhole } from '../wholefile.ts'
import { EXIT } from './output.ts'

export async function reportVerb(file: string, flags: { readonly html: string }): Promise<number> {
  const page = await report(file)
  writeWhole(flags.html, page)
  process.stdout.write(`${flags.html}: ${Math.ceil(page.length / 1024).toLocaleString('en-US')} KiB, opens without a network\n`)
  return EXIT.clean
}
