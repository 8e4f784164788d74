/** Pages of results that are lists: scenario files that were run, and the catalogue of known races. */
import type { BugsDocument, RunDocument } from '../documents.ts'
import type { PageModel } from './model.ts'

export function runPage(document: RunDocument): PageModel {
  const { passed, failed, skipped, files } = document
  const wrong = files.filter(({ ok }) => !ok)
  const volume = `${passed + failed} scenario files were run in ${document.seconds.toFixed(1)} s, ${skipped} were skipped`
  return {
    title: 'Scenario files',
    tone: failed > 0 ? 'finding' : document.interrupted ? 'open' : 'clean',
    verdict:
      failed > 0
        ? `${failed} of the answers differ from the recorded ones: ${volume}.`
        : `Every recorded answer came: ${volume}.`,
    facts: [
      ['era', document.era],
      ['notifier', document.notify],
      ['engines', String(document.engines)],
      ['seed', String(document.seed)],
      ['version', document.version],
    ],
    sections: [
      {
        kind: 'table',
        title: 'Folders',
        note: '',
        columns: ['folder', 'passed', 'failed', 'skipped'],
        numeric: [1, 2, 3],
        rows: document.folders.map((one) => [one.name, String(one.passed), String(one.failed), String(one.skipped)]),
      },
      ...(wrong.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              title: 'Files whose answers differ',
              note: '',
              columns: ['file', 'line', 'operation', 'recorded', 'here'],
              numeric: [1],
              rows: wrong.map((one) => [
                one.file,
                String(one.line ?? ''),
                one.operation ?? '',
                one.expected ?? '',
                one.got ?? '',
              ]),
            },
          ]),
      {
        kind: 'table',
        title: 'Why files were skipped',
        note: '',
        columns: ['reason', 'files'],
        numeric: [1],
        rows: document.skip_reasons.map(({ reason, files: count }) => [reason, String(count)]),
      },
    ],
  }
}

export function bugsPage(document: BugsDocument): PageModel {
  const there = document.bugs.filter(({ expressible }) => expressible)
  return {
    title: 'Known races',
    tone: 'figures',
    verdict: `${document.bugs.length} races of this protocol family are known, and ${there.length} of them can be put in and found here.`,
    facts: [['version', document.version]],
    sections: [
      {
        kind: 'table',
        title: 'Catalogue',
        note: 'Depth: ordering constraints that an interleaving has to keep to show the race.',
        columns: ['race', 'what happens', 'seen by', 'depth', 'here'],
        numeric: [3],
        rows: document.bugs.map((one) => [
          one.id,
          one.title,
          one.oracles.join(', '),
          String(one.depth),
          one.expressible ? 'yes' : (one.reason ?? 'no'),
        ]),
      },
    ],
  }
}
