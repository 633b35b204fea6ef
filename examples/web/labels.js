// The files in a .tflite file's metadata: a zip, stored without compression, at the end of the file.

const END = 0x06054b50, ENTRY = 0x02014b50, STORED = 0;

/** The text of a file in the zip that is appended to `bytes` (Uint8Array); null where there is none. */
export function associatedFile(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = new TextDecoder();
  let end = bytes.length - 22;
  const first = Math.max(0, end - 65535);
  while (end >= first && view.getUint32(end, true) !== END) end--;
  if (end < first) return null;
  let place = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0 && view.getUint32(place, true) === ENTRY; left--) {
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((offset) => view.getUint16(place + offset, true));
    const header = view.getUint32(place + 42, true);
    if (text.decode(bytes.subarray(place + 46, place + 46 + nameSize)) === name) {
      if (view.getUint16(place + 10, true) !== STORED) throw new Error(`${name} is compressed; expected it stored`);
      const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
      return text.decode(bytes.subarray(start, start + view.getUint32(place + 24, true)));
    }
    place += 46 + nameSize + extraSize + commentSize;
  }
  return null;
}
