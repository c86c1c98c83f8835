/** Bytes from the kernel to typed arrays; the twin of `wire.py`. */

export interface WireArray {
  view: DataView | ArrayBuffer | Uint8Array;
  dtype: "float32" | "float24" | "int32" | "uint16" | "uint8";
  shape: number[];
}

interface Typed {
  float32: Float32Array;
  int32: Int32Array;
  uint8: Uint8Array;
}

const CONSTRUCTORS = {
  float32: Float32Array,
  int32: Int32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
} as const;

/** What may come instead of a type, to be widened: the same numbers in fewer bytes. */
const SHORTER: Record<keyof Typed, readonly WireArray["dtype"][]> = {
  float32: ["float24"],
  int32: ["uint8", "uint16"],
  uint8: [],
};

/** Decode one array, whole numbers and floats from as few bytes as they were sent in. */
export function decode<T extends keyof Typed>(array: WireArray, dtype: T): Typed[T] {
  const sent = array.dtype;
  if (sent === dtype) return typed(array, dtype) as Typed[T];
  if (!SHORTER[dtype].includes(sent)) {
    throw new Error(`expected ${dtype} from the kernel, got ${sent}`);
  }
  if (sent === "float24") return widened(array) as Typed[T];
  return Int32Array.from(typed(array, sent)) as Typed[T];
}

/**
 * Hosts hand over a DataView into a larger message, so `byteOffset` and `byteLength` matter, and
 * an offset that is not a multiple of the item size forces a copy.
 */
function typed(array: WireArray, dtype: keyof typeof CONSTRUCTORS): ArrayLike<number> {
  const Constructor = CONSTRUCTORS[dtype];
  const size = Constructor.BYTES_PER_ELEMENT;
  const { buffer, offset, bytes, count } = measured(array, size);
  return offset % size === 0
    ? new Constructor(buffer, offset, count)
    : new Constructor(buffer.slice(offset, offset + bytes));
}

/** float32 whose last byte was left out, little end first. */
function widened(array: WireArray): Float32Array {
  const { buffer, offset, bytes, count } = measured(array, 3);
  const stored = new Uint8Array(buffer, offset, bytes);
  const bits = new Uint32Array(count);
  for (let i = 0, at = 0; i < count; i++, at += 3) {
    bits[i] = (stored[at]! << 8) | (stored[at + 1]! << 16) | (stored[at + 2]! << 24);
  }
  return new Float32Array(bits.buffer);
}

function measured(
  { view, shape }: WireArray,
  size: number,
): { buffer: ArrayBuffer; offset: number; bytes: number; count: number } {
  const buffer = view instanceof ArrayBuffer ? view : (view.buffer as ArrayBuffer);
  const offset = view instanceof ArrayBuffer ? 0 : view.byteOffset;
  const bytes = view.byteLength;
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes !== count * size) {
    throw new Error(`expected ${count * size} bytes for shape ${shape}, got ${bytes}`);
  }
  return { buffer, offset, bytes, count };
}
