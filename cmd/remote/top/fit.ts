/** Cuts and pads text to columns of a terminal; wide characters take two. Pure. */
import stringWidth from 'string-width'
import { printable } from '../../output.js'

const segmenter = new Intl.Segmenter()

/** Returns the text on exactly `width` columns, without control characters; what is too long ends in an ellipsis. */
export function fit(given: string, width: number, align: 'left' | 'right' = 'left'): string {
  if (width <= 0) return ''
  const text = cut(printable(given), width)
  const pad = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return align === 'left' ? text + pad : pad + text
}

/** Formats a time as people read it: `850ms`, `12.3s`, `4m05s`, `3h12m`, `5d`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`
  const minutes = Math.floor(ms / 60_000)
  const two = (value: number) => String(value).padStart(2, '0')
  if (minutes < 60) return `${minutes}m${two(Math.floor((ms % 60_000) / 1000))}s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d`
}

/** Formats a size: `512 kB`, `12.3 MB`, `2.0 GB`. */
export function size(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.round(bytes / 1024)} kB`
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`
}

/** Formats a count in at most five characters: `1234`, `12.3k`, `4.5M`. */
export function count(value: number): string {
  if (value < 10_000) return String(Math.round(value))
  const [by, unit] = value < 1e6 ? [1e3, 'k'] : value < 1e9 ? [1e6, 'M'] : [1e9, 'G']
  const scaled = value / by
  return `${scaled < 100 ? scaled.toFixed(1) : Math.round(scaled)}${unit}`
}

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let [kept, used] = ['', 0]
  for (const { segment } of segmenter.segment(text)) {
    const own = stringWidth(segment)
    if (used + own > width - 1) break
    kept += segment
    used += own
  }
  return `${kept}…`
}
