/** Bytes from the kernel to typed arrays; the twin of `wire.py`. */

export interface WireArray {
  view: DataView | ArrayBuffer | Uint8Array;
  dtype: "float32" | "int32" | "uint8";
  shape: number[];
}

interface Typed {
  float32: Float32Array;
  int32: Int32Array;
  uint8: Uint8Array;
}

const CONSTRUCTORS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;

/**
 * Decode one array. Hosts hand over a DataView into a larger message, so `byteOffset` and
 * `byteLength` matter, and an offset that is not a multiple of the item size forces a copy.
 */
export function decode<T extends WireArray["dtype"]>(array: WireArray, dtype: T): Typed[T] {
  if (array.dtype !== dtype) {
    throw new Error(`expected ${dtype} from the kernel, got ${array.dtype}`);
  }
  const { view } = array;
  const buffer = view instanceof ArrayBuffer ? view : (view.buffer as ArrayBuffer);
  const offset = view instanceof ArrayBuffer ? 0 : view.byteOffset;
  const bytes = view.byteLength;
  const Constructor = CONSTRUCTORS[dtype];
  const size = Constructor.BYTES_PER_ELEMENT;
  const count = array.shape.reduce((a, b) => a * b, 1);
  if (bytes !== count * size) {
    throw new Error(`expected ${count * size} bytes for shape ${array.shape}, got ${bytes}`);
  }
  const typed =
    offset % size === 0
      ? new Constructor(buffer, offset, count)
      : new Constructor(buffer.slice(offset, offset + bytes));
  return typed as Typed[T];
}
