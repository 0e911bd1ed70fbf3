/** The table `jobs` as Laravel's own migration makes it. */

/** SQL that makes it in MySQL or MariaDB. */
export function mysqlJobsTable(table: string): string {
  return `CREATE TABLE ${table} (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, queue VARCHAR(255) NOT NULL, payload LONGTEXT NOT NULL,
    attempts TINYINT UNSIGNED NOT NULL, reserved_at INT UNSIGNED NULL, available_at INT UNSIGNED NOT NULL,
    created_at INT UNSIGNED NOT NULL, KEY ${table}_queue_index (queue)
  ) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`
}

/** SQL that makes it in PostgreSQL. */
export function postgresJobsTable(table: string): string {
  return `CREATE TABLE ${table} (
    id BIGSERIAL PRIMARY KEY, queue VARCHAR(255) NOT NULL, payload TEXT NOT NULL, attempts SMALLINT NOT NULL,
    reserved_at INTEGER NULL, available_at INTEGER NOT NULL, created_at INTEGER NOT NULL
  ); CREATE INDEX ${table}_queue_index ON ${table} (queue)`
}
