import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { rrCommand } from '../helpers/project.js'

function completion(shell: string) {
  return spawnSync(process.execPath, [rrCommand, 'completion', shell], { encoding: 'utf8' })
}

/** Words that bash itself offers after these, the last of which is being typed. */
function offered(words: readonly string[]): readonly string[] {
  const text = words.map((word) => `'${word}'`).join(' ')
  const script = [
    completion('bash').stdout,
    // Asks for the function as the shell does after Tab: by the program's name.
    'spec=$(complete -p rr); [[ $spec =~ -F\\ ([^ ]+) ]]',
    `COMP_WORDS=(${text}) COMP_CWORD=${words.length - 1}`,
    '"${BASH_REMATCH[1]}"; printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n')
  const run = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  assert.equal(run.stderr, '')
  return run.stdout.split('\n').filter((line) => line !== '')
}

test('bash completes commands, commands below them, and options', () => {
  const cases: readonly [words: readonly string[], expected: readonly string[]][] = [
    [
      ['rr', 'se'],
      ['serve', 'send'],
    ],
    [
      ['rr', 'lambda', ''],
      ['check', 'run', 'help', '--help'],
    ],
    [['rr', 'config', 's'], ['show']],
    [['rr', '-c', 'rr.yaml', 'workers', '--j'], ['--json']],
    [['rr', 'lambda', 'run', '--conc'], ['--concurrency']],
    [['relayrunner', 'completion', '--'], ['--help']],
    [['rr', 'serve', 'nothing'], []],
  ]
  for (const [words, expected] of cases) assert.deepEqual(offered(words), expected, words.join(' '))
})

test('zsh and fish get scripts with every command; any other shell is wrong usage', () => {
  assert.match(completion('zsh').stdout, /^#compdef rr relayrunner\n/)
  const fish = completion('fish').stdout
  for (const name of ['serve', 'bootstrap', 'completion', 'show', 'check'])
    assert.match(fish, new RegExp(`^complete -c rr -f -n '[^']*' -a ${name} -d '`, 'm'))
  const { status, stdout, stderr } = completion('tcsh')
  assert.deepEqual(
    [status, stdout, stderr],
    [2, '', 'rr: RR_USAGE: rr completion takes bash, zsh, fish, not "tcsh"\n'],
  )
})
