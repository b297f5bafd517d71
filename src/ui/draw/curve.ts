// A picture of values against GPU memory, without a document: where the axes, the curves and their marks lie, in the units of an SVG view box.

export interface CurvePoint {
  readonly bytes: number;
  /** From 0 to 1. */
  readonly value: number;
}

export interface CurveInput {
  readonly width: number;
  readonly height: number;
  /** The right end of the axis. */
  readonly totalBytes: number;
  readonly curves: Readonly<Record<string, readonly CurvePoint[]>>;
  /** Budgets to mark with a line. */
  readonly marks: Readonly<Record<string, number>>;
}

export interface CurvePicture {
  /** The field that the curves lie in. */
  readonly field: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
  /** SVG path data by curve; '' for a curve of no points. */
  readonly paths: Readonly<Record<string, string>>;
  readonly dots: Readonly<Record<string, readonly { readonly x: number; readonly y: number }[]>>;
  readonly marks: Readonly<Record<string, number>>;
  readonly xTicks: readonly { readonly x: number; readonly bytes: number }[];
  readonly yTicks: readonly { readonly y: number; readonly value: number }[];
}

const MARGIN = { left: 34, top: 8, right: 10, bottom: 20 };
const X_TICK_DISTANCE = 90;

export function drawCurves({ width, height, totalBytes, curves, marks }: CurveInput): CurvePicture {
  const field = {
    left: MARGIN.left,
    top: MARGIN.top,
    right: Math.max(MARGIN.left + 1, width - MARGIN.right),
    bottom: Math.max(MARGIN.top + 1, height - MARGIN.bottom),
  };
  const x = (bytes: number) => round(field.left + (totalBytes > 0 ? clamp(bytes / totalBytes) : 0) * (field.right - field.left));
  const y = (value: number) => round(field.bottom - clamp(value) * (field.bottom - field.top));
  const dots = mapValues(curves, (points) => [...points].sort((a, b) => a.bytes - b.bytes).map(({ bytes, value }) => ({ x: x(bytes), y: y(value) })));
  const tickCount = Math.max(1, Math.min(4, Math.floor((field.right - field.left) / X_TICK_DISTANCE)));
  return {
    field,
    dots,
    paths: mapValues(dots, (points) => points.map((point, i) => `${i === 0 ? 'M' : 'L'}${point.x} ${point.y}`).join('')),
    marks: mapValues(marks, x),
    xTicks: Array.from({ length: tickCount + 1 }, (_, i) => ({ x: x((totalBytes * i) / tickCount), bytes: (totalBytes * i) / tickCount })),
    yTicks: [0, 0.25, 0.5, 0.75, 1].map((value) => ({ y: y(value), value })),
  };
}

function mapValues<In, Out>(entries: Readonly<Record<string, In>>, map: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, map(value)]));
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** A tenth of a unit is less than can be seen. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
