/*
 * A Windows DLL without code: one exported name that is another DLL's function. Wine 8 has no bcryptprimitives.dll, whose
 * ProcessPrng sharp needs; advapi32's SystemFunction036 does the same with the same arguments.
 */

/** @param {string} dll its own name @param {string} name what it exports @param {string} target `LIBRARY.Function` */
export function forwardingDll(dll, name, target) {
  const bytes = Buffer.alloc(0x400);
  const [pe, section, address, offset] = [0x40, 0x148, 0x1000, 0x200];
  bytes.write('MZ');
  bytes.writeUInt32LE(pe, 0x3c);
  bytes.write('PE\0\0', pe);
  bytes.writeUInt16LE(0x8664, pe + 4);
  bytes.writeUInt16LE(1, pe + 6);
  bytes.writeUInt16LE(240, pe + 20);
  // Executable, large addresses, DLL.
  bytes.writeUInt16LE(0x2022, pe + 22);
  const optional = pe + 24;
  bytes.writeUInt16LE(0x20b, optional);
  bytes.writeBigUInt64LE(0x180000000n, optional + 24);
  bytes.writeUInt32LE(0x1000, optional + 32);
  bytes.writeUInt32LE(0x200, optional + 36);
  bytes.writeUInt16LE(6, optional + 40);
  bytes.writeUInt16LE(6, optional + 48);
  bytes.writeUInt32LE(0x2000, optional + 56);
  bytes.writeUInt32LE(0x200, optional + 60);
  bytes.writeUInt16LE(3, optional + 68);
  // Relocatable, no execution of data.
  bytes.writeUInt16LE(0x140, optional + 70);
  for (const [i, size] of [0x100000, 0x1000, 0x100000, 0x1000].entries())
    bytes.writeBigUInt64LE(BigInt(size), optional + 72 + 8 * i);
  bytes.writeUInt32LE(16, optional + 108);
  bytes.writeUInt32LE(address, optional + 112);
  bytes.writeUInt32LE(0x200, optional + 116);
  bytes.write('.edata', section);
  bytes.writeUInt32LE(0x200, section + 8);
  bytes.writeUInt32LE(address, section + 12);
  bytes.writeUInt32LE(0x200, section + 16);
  bytes.writeUInt32LE(offset, section + 20);
  bytes.writeUInt32LE(0x40000040, section + 36);
  // The table of exports: one function, whose address is that of its target's name in this section.
  const [functions, names, ordinals, own, exported, forwarded] = [0x28, 0x2c, 0x30, 0x40, 0x80, 0xc0];
  const word = (/** @type {number} */ value, /** @type {number} */ at) =>
    bytes.writeUInt32LE(value, offset + at);
  word(address + own, 12);
  word(1, 16);
  word(1, 20);
  word(1, 24);
  word(address + functions, 28);
  word(address + names, 32);
  word(address + ordinals, 36);
  word(address + forwarded, functions);
  word(address + exported, names);
  for (const [at, text] of [
    [own, dll],
    [exported, name],
    [forwarded, target],
  ])
    bytes.write(`${text}\0`, offset + Number(at));
  return bytes;
}
