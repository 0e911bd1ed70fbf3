/** Opens the storages of the section, each by its driver. */
import { ErrorCode, RelayError } from '../../index.js'
import type { KvDriver, KvStorage } from '../../work/key-value.js'
import type { KvSettings } from './section.js'

/** Returns the storages by name; they are closed by what `defer` is handed. Rejects for a driver that is not there, or cannot be loaded. */
export async function openStorages(
  settings: KvSettings,
  drivers: readonly KvDriver[],
  defer: (undo: () => unknown) => void,
): Promise<ReadonlyMap<string, KvStorage>> {
  const storages = new Map<string, KvStorage>()
  for (const [name, { driver: driverName, config }] of Object.entries(settings)) {
    const driver = drivers.find((one) => one.name === driverName)
    if (driver === undefined) throw noDriver(name, driverName, drivers)
    const storage = await driver.open({ name, config })
    defer(() => storage.close())
    storages.set(name, storage)
  }
  return storages
}

function noDriver(storage: string, driver: string, drivers: readonly KvDriver[]): RelayError {
  const known = drivers.map(({ name }) => name).join(', ')
  const what = `storage "${storage}" has the driver "${driver}", which no plugin brings (drivers: ${known})`
  return new RelayError(ErrorCode.ConfigInvalid, what, {
    hint: 'List the plugin that brings it under `plugins:`.',
  })
}
