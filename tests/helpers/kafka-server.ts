/**
 * A Kafka broker of a test's own: in KRaft mode, on free ports, in a private folder, and gone with the test. Its jars are fetched by
 * `mvn -f tests/fixtures/kafka/pom.xml package`, into a folder of Maven's in the home of the user.
 */
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrokerProcess, missingBroker, programPath, startBroker } from './broker-process.js'
import { freePorts } from './free-ports.js'

/** A running broker. */
export interface KafkaBroker extends BrokerProcess {
  readonly address: string
  /** Address of TLS with credentials, where `secure` was given. */
  readonly secureAddress: string
  /** Ends it for good. */
  end(): Promise<void>
}

/** TLS and credentials of a second address. */
export interface SecureListener {
  /** PEM of the certificate, and of its key in PKCS#8. */
  readonly cert: string
  readonly key: string
  readonly username: string
  readonly password: string
}

const jarsFolder = join(homedir(), '.m2', 'relayrunner-kafka-3.7.0')
const java = programPath('java')
const jars = existsSync(jarsFolder) ? readdirSync(jarsFolder).filter((name) => name.endsWith('.jar')) : []

/** False, or why tests of Kafka are skipped. Throws in CI, where nothing may be skipped. */
export const noKafka = missingBroker('Kafka', jars.length > 0 ? java : undefined)

/** Starts one; its caller ends it. */
export async function startKafka(secure?: SecureListener): Promise<KafkaBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-kafka-'))
  const [port = 0, controllerPort = 0, securePort = 0] = await freePorts(3)
  const data = join(folder, 'data')
  await mkdir(data)
  // What `kafka-storage format` writes; it would take another start of Java.
  await writeFile(join(data, 'meta.properties'), 'version=1\ncluster.id=relayrunner-tests-0001\nnode.id=1\n')
  const listeners = [
    `PLAINTEXT://127.0.0.1:${port}`,
    ...(secure === undefined ? [] : [`SASL_SSL://127.0.0.1:${securePort}`]),
  ]
  const lines = [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=${[...listeners, `CONTROLLER://127.0.0.1:${controllerPort}`].join(',')}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
    `log.dirs=${data}`,
    'num.partitions=4',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=500',
    'auto.create.topics.enable=false',
    ...(secure === undefined ? [] : secureLines(secure)),
  ]
  await writeFile(join(folder, 'server.properties'), lines.join('\n'))
  const broker = await startBroker({
    words: [
      java ?? '',
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      join(jarsFolder, '*'),
      'kafka.Kafka',
      join(folder, 'server.properties'),
    ],
    port,
    options: { cwd: folder },
  })
  return {
    ...broker,
    address: `127.0.0.1:${port}`,
    secureAddress: `127.0.0.1:${securePort}`,
    end: async () => {
      await broker.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

function secureLines({ cert, key, username, password }: SecureListener): readonly string[] {
  const oneLine = (pem: string) => pem.trim().replaceAll('\n', '\\n')
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`
  return [
    'sasl.enabled.mechanisms=PLAIN',
    `listener.name.sasl_ssl.plain.sasl.jaas.config=${login}`,
    'ssl.keystore.type=PEM',
    `ssl.keystore.certificate.chain=${oneLine(cert)}`,
    `ssl.keystore.key=${oneLine(key)}`,
  ]
}
