/** A table on a fixed width: columns that do not fit are left out, one takes what is left. Pure. */
import { fit } from './fit.js'

/** A column. */
export interface Column<T> {
  readonly title: string
  readonly width: number
  readonly align?: 'left' | 'right'
  /** The highest go first where there is too little room; 0 stays. */
  readonly spare: number
  /** True for the column that takes what is left of the line. */
  readonly grows?: true
  cell(row: T): string
}

const gap = 1

/** The columns that fit into `width`; the one that grows is as wide as the rest of the line. */
export function fittingColumns<T>(columns: readonly Column<T>[], width: number): readonly Column<T>[] {
  let kept = columns
  const used = () => kept.reduce((sum, column) => sum + column.width + gap, -gap)
  while (used() > width) {
    const most = Math.max(...kept.map(({ spare }) => spare))
    if (most === 0) break
    kept = kept.filter(({ spare }) => spare !== most)
  }
  const rest = width - used()
  return kept.map((column) =>
    column.grows === true ? { ...column, width: Math.max(1, column.width + rest) } : column,
  )
}

/** The line of titles. */
export function headLine<T>(columns: readonly Column<T>[], marked?: string): string {
  return columns
    .map(({ title, width, align }) => fit(title === marked ? `${title}▾` : title, width, align))
    .join(' ')
}

/** The line of a row. */
export function rowLine<T>(columns: readonly Column<T>[], row: T): string {
  return columns.map(({ cell, width, align }) => fit(cell(row), width, align)).join(' ')
}
