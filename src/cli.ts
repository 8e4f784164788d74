#!/usr/bin/env node
/**
 * `hmm`: few verbs, each also a function of the library. A verb's code is loaded when it is used, so that help is quick.
 *
 * Exit codes: 0 clean; 1 a violation was found or an answer differs; 2 wrong usage or bad input; 3 the run itself failed.
 */
import { Argument, Command, CommanderError, Option } from 'commander'
import { benchmarkLines } from '../bench/index.ts'
import { HmmError } from '../shared/seam/error.ts'
import {
  bytes,
  enginesOption,
  eraOption,
  jobsOption,
  jsonOption,
  mirrorReclaimOption,
  notifyOption,
  number,
  seedOption,
  whole,
} from './cli/options.ts'
import { RunFailure } from './failure.ts'
import { version } from './version.ts'

/** All values of an option that may be repeated. */
const collect = (one: string, all: string[]) => [...all, one]

/** Codes of errors that are the user's to mend. */
const USAGE = new Set(['HMM_ERR_USAGE', 'HMM_ERR_INPUT', 'HMM_ERR_CONFIG', 'HMM_ERR_DRIVER', 'HMM_ERR_SCENARIO'])

async function main(): Promise<number> {
  let exit = 0
  const program = new Command('hmm')
    .description("Linux's HMM and mmu-notifier protocol as a program you can run, pause, break and replay")
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(sentence(text)) })
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .addHelpText(
      'after',
      '\nExamples:\n  hmm demo\n  hmm run test/conformance\n  hmm stress --cpus 2 --devices "svm*4" --duration 60',
    )

  program
    .command('demo')
    .description('a known race found, the same without it clean, a load clean: twenty seconds, nothing to set')
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExit code 0 when the race was found, and nothing else. The race: hmm bugs recheck-outside-lock\n\nExamples:\n  hmm demo\n  hmm demo --json demo.json',
    )
    .action(async (flags) => {
      exit = await (await import('./cli/demo.ts')).demoVerb(flags)
    })

  program
    .command('run')
    .description('run sequential scenario files; compare with the recorded answer where the file has one')
    .argument('<files...>', 'scenario files, or folders of them')
    .addOption(jobsOption('machines at work at once (default: one for each core, if there are files enough)'))
    .addOption(eraOption())
    .addOption(notifyOption())
    .addOption(enginesOption())
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nA file passes when every recorded answer came and everything was returned after the last operation. One that needs what is\nnot modelled is skipped. Exit code 1 when a file differs.\n\nExamples:\n  hmm run test/conformance\n  hmm run test/conformance/fork --engines 4 --jobs 1\n  hmm run my.scn --notify inline --json -',
    )
    .action(async (files: string[], flags) => {
      exit = await (await import('./cli/run.ts')).runVerb(files, flags)
    })

  program
    .command('stress')
    .description('real threads under load with all oracles')
    .argument('[profile]', 'workload (default: mixed; none with --trace)')
    .option('--cpus <n>', 'CPU threads', whole('the number of cpus', 1, 16), 2)
    .option('--devices <list>', 'families or driver modules, one per device: svm*2,./my-driver.js', 'svm*2')
    .option(
      '--device-memory <pages>',
      "pages of each device's own memory (default: what the workload says)",
      whole('device memory', 0, 2 ** 18),
    )
    .option('--policy <policy>', 'where pages of svm devices with memory go: system, first-touch, threshold, or a module')
    .option('--copy-failures <p>', "probability that a copy of a device's copy engine fails", number('copy failures', 0, 1), 0)
    .option(
      '--duration <seconds>',
      'time under load (default: 10; with --trace, until it ends)',
      number('a duration', 0, 86400, true),
    )
    .option('--trace <file>', 'the memory accesses of a real program instead of a workload (docs/traces.md)')
    .option('--trace-device <share>', 'share of them that devices make (default: 0.5)', number('a share', 0, 1))
    .option('--trace-repeat <n>', 'how often the trace is run through (default: 1)', whole('the number of passes', 1, 1_000_000))
    .option('--noise <p>', 'probability of a spin of up to 20 us at each schedule point', number('noise', 0, 1), 1 / 64)
    .option('--out <folder>', 'where the scenario of a find is written', '.')
    .option('--bug <id>', 'puts a known race in (hmm bugs lists them)')
    .option('--trace-out <file>', 'what each actor did last and waited for, with times: Chrome trace-event JSON, for Perfetto')
    .option('--memory <bytes>', 'memory of the machine', bytes, 64 * 2 ** 20)
    .option(
      '--reclaim <n>',
      'actors that put pages out, move and reap them beside the load',
      whole('the number of reclaimers', 0, 4),
      0,
    )
    .option(
      '--system-pages <n>',
      'pages of system memory, at most: with fewer than the load needs, faults reclaim',
      whole('the number of pages', 12, 2 ** 20),
    )
    .option(
      '--phases',
      'measure the phases of fault services, and how long locks are waited for and held: slower (docs/report.md)',
    )
    .option('--no-checks', 'without held locks, lock order, object lifetime and access oracles: faster')
    .addOption(eraOption())
    .addOption(notifyOption())
    .addOption(mirrorReclaimOption())
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nWorkloads:\n  mixed  adds, loads and stores by cpus and devices on shared pages, under munmap, mprotect, madvise and fork\n\nExamples:\n  hmm stress --duration 60\n  hmm stress mixed --cpus 4 --devices "svm*8" --noise 0 --json result.json\n  hmm stress --trace traces/sort.lackey.gz --system-pages 100',
    )
    .action(async (profile: string | undefined, flags) => {
      exit = await (await import('./cli/stress.ts')).stressVerb(profile, flags)
    })

  program
    .command('explore')
    .description('run concurrent scenarios under a scheduler that chooses every interleaving')
    .argument('[scenarios...]', 'concurrent scenario files; none with --bug: the race has its own')
    .option('--bug <id>', 'puts a known race in (hmm bugs lists them)')
    .addOption(eraOption())
    .addOption(
      new Option('--strategy <name>', 'who chooses (default: pct, or what suits the bug)').choices([
        'pct',
        'random',
        'dfs',
        'dpor',
      ]),
    )
    .option('--depth <d>', 'pct: ordering constraints of the bugs looked for (default: 3)', whole('a depth', 1, 16))
    .option('--preemptions <n>', 'dfs: most preemptions of a schedule (default: 2)', whole('the number of preemptions', 0, 1000))
    .option(
      '--schedules <n>',
      'most schedules of a scenario (default: 1000; dfs and dpor: all)',
      whole('the number of schedules', 1, 2 ** 31 - 1),
    )
    .option('--driver <family=module>', 'a module in the place of a device family; may be repeated', collect, [])
    .addOption(jobsOption('machines at work at once (default: one for each core, if there are schedules enough)'))
    .option('--shard <i/n>', 'run the i-th of n parts; hmm merge adds them up')
    .option('--out <folder>', 'where replay files are written', '.')
    .option('--no-shrink', 'tell the find as it was found')
    .addOption(seedOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  hmm explore race.scn --schedules 10000\n  hmm explore race.scn --driver svm=./my-driver.js --depth 2\n  hmm explore --bug recheck-outside-lock\n  hmm explore race.scn --strategy dfs --preemptions 2 --json -\n  hmm explore *.scn --schedules 100000 --shard 2/8 --json part-2.json',
    )
    .action(async (files: string[], flags) => {
      exit = await (await import('./cli/explore.ts')).exploreVerb(files, flags)
    })

  program
    .command('new')
    .description('write a driver to start from: commented, working, with a scenario that explores it and a test')
    .addArgument(new Argument('<what>', 'what to write').choices(['driver']))
    .argument('<name>', 'its name, and that of its folder: small letters, digits and hyphens')
    .option('--out <folder>', 'where its folder is put', '.')
    .option('--lesson', 'with one mistake in it, to be found with hmm explore')
    .addHelpText(
      'after',
      '\nNothing is overwritten: a folder that is there already is refused.\n\nExamples:\n  hmm new driver my-gpu\n  hmm new driver my-gpu --lesson\n  hmm new driver my-gpu --out drivers',
    )
    .action(async (_what: string, name: string, flags) => {
      exit = (await import('./cli/new.ts')).newVerb(name, flags)
    })

  program
    .command('merge')
    .description('add up the results of shards: documents that --json of explore or stress wrote')
    .argument('<files...>', 'all shards of one campaign')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExit code 1 when any of them has a violation; 2 when they cannot be added up; 3 when a shard is missing or did not finish.\n\nExamples:\n  hmm merge part-*.json\n  hmm merge part-1.json part-2.json --json all.json',
    )
    .action(async (files: string[], flags) => {
      exit = await (await import('./cli/merge.ts')).mergeVerb(files, flags)
    })

  program
    .command('bugs')
    .description('the known races of this protocol family: where they happened, and how to see them')
    .argument('[id]', 'one of them, in full')
    .option('--table', 'measure them, or that one: schedules to the first hit, hits under stress, and clean without it')
    .option('--seeds <n>', 'table: seeds of each search', whole('the number of seeds', 1, 1000), 20)
    .option('--schedules <n>', 'table: most schedules of one seed', whole('the number of schedules', 1, 1_000_000), 1000)
    .option('--stress-seconds <s>', 'table: time under each load; 0: none', number('the time', 0, 3600), 4)
    .option('--jobs <n>', 'table: races at work at once (default: one for each core)', whole('the number of jobs', 1, 256))
    .option('--from <file>', 'table: a result whose races are not measured again; may be repeated', collect, [])
    .option('--markdown <file>', 'table: writes it into a page, between <!-- measured --> and <!-- end -->')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  hmm bugs\n  hmm bugs recheck-outside-lock\n  hmm bugs --table --json table.json --markdown docs/races.md',
    )
    .action(async (id: string | undefined, { table, ...flags }) => {
      exit =
        table === true
          ? await (await import('./cli/bugtable.ts')).tableVerb(id, flags)
          : await (await import('./cli/bugs.ts')).bugsVerb(id, flags)
    })

  program
    .command('replay')
    .description('run a recorded schedule again, to the byte')
    .argument('<file|token>', 'a replay file, or a token')
    .option('--scenario <file>', 'the scenario, where a token carries only its hash')
    .option('--until <step>', 'show the interleaving up to this step', whole('a step', 1, 2 ** 31 - 1))
    .option('--state', 'show what each actor was doing at the end, and what operations answered')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  hmm replay race-1234abcd.replay.json --state\n  hmm replay hmm1_...')
    .action(async (recording: string, flags) => {
      exit = await (await import('./cli/replay.ts')).replayVerb(recording, flags)
    })

  program
    .command('bench')
    .description('latency percentiles and throughput, with what they are compared to measured in the same run')
    .argument('[names...]', 'benchmarks; all of them without a name')
    .option('--quick', 'a tenth of the work, once: to see that it runs, not how fast')
    .option(
      '--repetitions <n>',
      'runs of each, on fresh threads (default: 3; quick: 1; with --compare: 5)',
      whole('the number of repetitions', 1, 50),
    )
    .option('--floor <program>', 'a program that prints times of the same steps as JSON, run in the same minute')
    .option('--compare <old.json>', 'tell what has changed since that document; exit code 1 when something is slower')
    .option('--with <new.json>', 'compare: that document in the place of measuring')
    .option('--threshold <percent>', 'compare: what a change may be without counting', number('a threshold', 0, 1000), 10)
    .addOption(eraOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `\nBenchmarks:\n${benchmarkLines().join('\n')}\n\nExamples:\n  hmm bench\n  hmm bench explore --json old.json\n  hmm bench --compare old.json --threshold 15\n  hmm bench scale --floor ./latency_floor`,
    )
    .action(async (names: string[], flags) => {
      exit = await (await import('./cli/bench.ts')).benchVerb(names, flags)
    })

  program
    .command('doctor')
    .description('cores, clock, what an access and a round trip cost here, and which figures can be trusted')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExit code 3 when something is missing that no machine runs without.\n\nExamples:\n  hmm doctor\n  hmm doctor --json -',
    )
    .action(async (flags) => {
      exit = await (await import('./cli/doctor.ts')).doctorVerb(flags)
    })

  program
    .command('report')
    .description('one page of a result: to step through a race, and to show figures; opens without a network')
    .argument('<file>', 'what --json of any verb wrote')
    .requiredOption('--html <file>', 'where the page is written')
    .addHelpText(
      'after',
      '\nA find is run again for its page, by the build that found it.\n\nExamples:\n  hmm explore --bug recheck-outside-lock --json run.json\n  hmm report run.json --html race.html',
    )
    .action(async (file: string, flags) => {
      exit = await (await import('./cli/report.ts')).reportVerb(file, flags)
    })

  for (const command of program.commands) command.exitOverride().configureOutput(program.configureOutput())
  try {
    await program.parseAsync()
    return exit
  } catch (error) {
    return explain(error)
  }
}

/** Commander's sentence, in our voice and on one line; where it offers nothing, help does. */
function sentence(text: string): string {
  const said = text.replace(/^error: /, 'hmm: ').replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?')
  return /unknown (command|option)/.test(said) && !said.includes('did you mean')
    ? `${said.trimEnd()}; hmm --help lists what there is\n`
    : said
}

/** One sentence, and the exit code that goes with it. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof RunFailure) {
    process.stderr.write(`hmm: the run failed: ${error.message}\n`)
    return 3
  }
  if (error instanceof HmmError) {
    process.stderr.write(`hmm: ${error.message}\n`)
    return USAGE.has(error.code) ? 2 : 3
  }
  process.stderr.write(`hmm: ${error instanceof Error ? error.message : String(error)}\n`)
  return 3
}

// Who reads our output may have seen enough (hmm bugs | head). What was found stays the exit code.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
process.exitCode = await main()
