// Keeps accounts from a FIFO queue: an account is a message group, so its movements arrive in order, one at a time.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { fail, log, retry, serve } from 'relayrunner/worker'

const folder = `${process.env.STORE ?? 'var'}/ledger`
await mkdir(folder, { recursive: true })

await serve(async (body, context) => {
  if (context.kind === 'event') throw new TypeError('this worker takes records of a queue')
  const { account, number, amount } = readMovement(body)
  // The order is guaranteed only within a group.
  const group = context.record.attributes.MessageGroupId
  if (group !== account) throw fail(`a movement of ${account} in the group ${group}`)
  const ledger = await load(account)
  const next = ledger.amounts.length + 1
  if (number < next) return log('info', 'applied before', { account, number })
  if (number > next) throw retry(`movement ${number} of ${account} is here before ${next}`)
  if (ledger.balance + amount < 0) throw fail(`${account} would be overdrawn`)
  await save({ account, balance: ledger.balance + amount, amounts: [...ledger.amounts, amount] })
  log('info', 'applied', { account, number })
})

function readMovement(body) {
  let movement = null
  try {
    movement = JSON.parse(body)
  } catch {
    throw fail('the body is not JSON')
  }
  const { account, number, amount } = movement ?? {}
  if (!/^[\w-]{1,100}$/.test(account ?? '')) throw fail('a movement without an account')
  if (!Number.isInteger(number) || !Number.isInteger(amount))
    throw fail(`a movement of ${account} without numbers`)
  return { account, number, amount }
}

async function load(account) {
  try {
    return JSON.parse(await readFile(`${folder}/${account}.json`, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return { account, balance: 0, amounts: [] }
    // The ledger cannot be read. After this error the movement and all later ones of its group are delivered again.
    throw error
  }
}

/** Replaces the file by one rename: if the worker dies before it, the ledger is unchanged and the movement is delivered again. */
async function save(ledger) {
  const draft = `${folder}/.${ledger.account}.draft`
  await writeFile(draft, JSON.stringify(ledger))
  await rename(draft, `${folder}/${ledger.account}.json`)
}
