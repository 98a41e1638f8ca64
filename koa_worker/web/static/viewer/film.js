// A film: its 16-bit gray values at several sizes, and how they become a picture. No library and no GPU is needed.

const TOP = 65535;
const BLACK = 0xff000000;
const MOST_TRIES = 20;

const films = new Map();

// The film at an address; the same one for every pane that shows it.
export function filmAt(address) {
  if (!films.has(address)) films.set(address, load(address));
  return films.get(address);
}

async function load(address) {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const answer = await fetch(address);
    if (answer.status === 503) {
      await new Promise((done) => setTimeout(done, 1000 * Number(answer.headers.get("Retry-After") ?? 2)));
      continue;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const [width, height] = answer.headers.get("Koa-Size").split(" ").map(Number);
    const window = answer.headers.get("Koa-Window").split(" ").map(Number);
    const data = await answer.arrayBuffer();
    const bits = (8 * data.byteLength) / (width * height);
    return new Film(width, height, bits === 16 ? new Uint16Array(data) : widened(new Uint8Array(data)), window, bits);
  }
  throw new Error("the decoder is busy");
}

function widened(bytes) {
  const wide = new Uint16Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) wide[at] = bytes[at] * 257;
  return wide;
}

export class Film {
  constructor(width, height, values, window, bits) {
    this.width = width;
    this.height = height;
    this.bits = bits;
    this.levels = [{ width, height, values }];
    while (Math.max(this.levels.at(-1).width, this.levels.at(-1).height) > 400) this.levels.push(halved(this.levels.at(-1)));
    this.bases = { stored: window, full: [0, 1], ...this.found() };
  }

  // Windows from the film's own gray values: shares of the exposed part, for which the smallest size is enough.
  found() {
    const exposed = this.levels.at(-1).values.filter((value) => value > 0.02 * TOP).sort();
    const share = (part) => (exposed.length ? exposed[Math.floor(part * (exposed.length - 1))] / TOP : part);
    return { auto: [share(0.01), share(0.995)], bone: [share(0.4), share(0.999)], soft: [share(0.005), share(0.75)] };
  }

  // The values of the part that begins at x, y of the film, `step` film pixels for one of the target; 0 beyond its edges.
  sample(target, columns, rows, x, y, step) {
    const size = Math.min(Math.max(Math.round(Math.log2(step)), 0), this.levels.length - 1);
    const level = this.levels[size];
    const part = 2 ** size;
    const stride = step / part;
    const { first, last, index, share } = this.columns(columns, x / part, stride, level.width);
    const values = level.values;
    for (let row = 0, at = 0; row < rows; row++, at += columns) {
      const down = y / part + (row + 0.5) * stride - 0.5;
      if (down < -0.5 || down >= level.height - 0.5) {
        target.fill(0, at, at + columns);
        continue;
      }
      const top = Math.max(Math.floor(down), 0);
      const lower = Math.max(down - top, 0);
      const here = top * level.width;
      const below = Math.min(top + 1, level.height - 1) * level.width;
      target.fill(0, at, at + first);
      for (let column = first; column < last; column++) {
        const left = index[column];
        const right = left + 1 < level.width ? left + 1 : left;
        const across = share[column];
        const upper = values[here + left] + (values[here + right] - values[here + left]) * across;
        const under = values[below + left] + (values[below + right] - values[below + left]) * across;
        target[at + column] = upper + (under - upper) * lower;
      }
      target.fill(0, at + last, at + columns);
    }
  }

  columns(count, x, stride, width) {
    const index = new Int32Array(count);
    const share = new Float32Array(count);
    let first = count;
    let last = 0;
    for (let column = 0; column < count; column++) {
      const across = x + (column + 0.5) * stride - 0.5;
      if (across < -0.5 || across >= width - 0.5) continue;
      first = Math.min(first, column);
      last = column + 1;
      index[column] = Math.max(Math.floor(across), 0);
      share[column] = Math.max(across - index[column], 0);
    }
    return { first: Math.min(first, last), last, index, share };
  }
}

function halved(level) {
  const width = Math.max(level.width >> 1, 1);
  const height = Math.max(level.height >> 1, 1);
  const from = level.values;
  const values = new Uint16Array(width * height);
  for (let row = 0, at = 0; row < height; row++) {
    let above = 2 * row * level.width;
    let below = Math.min(2 * row + 1, level.height - 1) * level.width;
    for (let column = 0; column < width; column++, above += 2, below += 2) {
      values[at++] = (from[above] + from[above + 1] + from[below] + from[below + 1]) >> 2;
    }
  }
  return { width, height, values };
}

// The shade on the screen of each of the 65,536 values, as a pixel; `low` and `high` are shares that become black and white.
export function shadesOf(low, high, inverted) {
  const shades = new Uint32Array(TOP + 1);
  const slope = 255 / Math.max((high - low) * TOP, 1);
  for (let value = 0; value <= TOP; value++) {
    let shade = Math.min(Math.max((value - low * TOP) * slope, 0), 255) | 0;
    if (inverted) shade = 255 - shade;
    shades[value] = BLACK | (shade << 16) | (shade << 8) | shade;
  }
  return shades;
}
