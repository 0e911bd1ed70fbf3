/** The files of the page, read once at the start, and the headers with which they and everything else are sent. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { packageFile } from '../../index.js'

/** A file as it is sent. */
export interface PageFile {
  readonly type: string
  readonly tag: string
  readonly bytes: Buffer
}

const types: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'views.js': 'text/javascript; charset=utf-8',
  'charts.js': 'text/javascript; charset=utf-8',
  'dom.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
}

/** Headers of every answer: nothing is loaded from elsewhere, nothing is inline, and no other site may frame it. */
export const safeHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

/** Reads the files by their paths on the server. */
export async function readPages(): Promise<ReadonlyMap<string, PageFile>> {
  const files = await Promise.all(
    Object.entries(types).map(async ([name, type]) => {
      const bytes = await readFile(packageFile(`dashboard/${name}`))
      const tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 16)}"`
      return [name === 'index.html' ? '/' : `/${name}`, { type, tag, bytes }] as const
    }),
  )
  return new Map(files)
}
