/** One chart: lines over one x axis; both axes are logarithmic, so every value is above 0. */
export interface Panel {
  readonly xTitle: string;
  readonly lines: readonly Line[];
}

interface Line {
  readonly title: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

type Scale = (value: number) => number;

const size = { width: 460, height: 340, left: 70, right: 20, top: 50, bottom: 50 };
const colours = ['#1f6feb', '#d1242f', '#57606a', '#1a7f37'];

/** The panels side by side as SVG. */
export function plot(title: string, panels: readonly Panel[]): string {
  const drawn = panels.map((panel, index) => group(index * size.width, drawPanel(panel)));
  const heading = text(title, { x: size.left, y: 22, extra: 'font-weight="bold"' });
  const box = `width="${panels.length * size.width}" height="${size.height}"`;
  const style = 'font-family="sans-serif" font-size="12" fill="#1f2328"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box} ${style}>\n<rect ${box} fill="white"/>\n${heading}\n${drawn.join('\n')}\n</svg>\n`;
}

function drawPanel({ xTitle, lines }: Panel): string {
  const all = lines.flatMap(({ points }) => points);
  const bottom = size.height - size.bottom;
  const x = logScale(
    all.map((point) => point.x),
    { from: size.left, to: size.width - size.right },
  );
  const y = logScale(
    all.map((point) => point.y),
    { from: bottom, to: size.top },
  );
  const middle = (size.left + size.width - size.right) / 2;
  return [
    ...[...new Set(all.map((point) => point.x))].map((value) => xTick(value, x(value))),
    ...yTicks(all.map((point) => point.y)).map((value) => yTick(value, y(value))),
    text(xTitle, { x: middle, y: size.height - 12, extra: 'text-anchor="middle"' }),
    ...lines.map((line, index) => drawLine(line, { x, y, colour: colours[index % colours.length]! })),
    ...lines.map(({ title }, index) =>
      text(title, {
        x: size.left + 8,
        y: bottom - 8 - 16 * index,
        extra: `fill="${colours[index % colours.length]}"`,
      }),
    ),
  ].join('\n');
}

function logScale(
  values: readonly number[],
  { from, to }: { readonly from: number; readonly to: number },
): Scale {
  const [least, most] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  return (value) => Math.round(from + ((Math.log(value) - least) / (most - least || 1)) * (to - from));
}

/** 1, 2 and 5 of each power of ten between the least and the largest. */
function yTicks(values: readonly number[]): readonly number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const powers = Array.from({ length: 12 }, (_, power) => 10 ** power);
  return powers
    .flatMap((power) => [power, 2 * power, 5 * power])
    .filter((value) => value >= least && value <= most);
}

function drawLine(
  { title, points }: Line,
  { x, y, colour }: { readonly x: Scale; readonly y: Scale; readonly colour: string },
): string {
  const path = points.map((point) => `${x(point.x)},${y(point.y)}`).join(' ');
  const dots = points.map(
    (point) =>
      `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="3" fill="${colour}"><title>${title}: ${point.y}</title></circle>`,
  );
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>\n${dots.join('\n')}`;
}

function xTick(value: number, at: number): string {
  return text(value.toLocaleString('en'), { x: at, y: size.height - 32, extra: 'text-anchor="middle"' });
}

function yTick(value: number, at: number): string {
  const line = `<line x1="${size.left}" x2="${size.width - size.right}" y1="${at}" y2="${at}" stroke="#d0d7de"/>`;
  return `${line}\n${text(value.toLocaleString('en'), { x: size.left - 6, y: at + 4, extra: 'text-anchor="end"' })}`;
}

function text(
  content: string,
  at: { readonly x: number; readonly y: number; readonly extra: string },
): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${at.x}" y="${at.y}" ${at.extra}>${escaped}</text>`;
}

function group(offset: number, content: string): string {
  return `<g transform="translate(${offset} 0)">\n${content}\n</g>`;
}
