import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { CheckpointError } from '../../src/errors/errors.js';
import { bufferSource } from '../../src/files/byte-source.js';
import { importOnnx } from '../../src/interop/onnx/index.js';
import { openWeights } from '../../src/interop/weights.js';

const LFS = `version https://git-lfs.github.com/spec/v1
oid sha256:${'4d'.repeat(32)}
size 244408911
`;
const tar = Buffer.alloc(1024);
tar.write('ustar', 257);

/** Files that are neither weights nor networks, with the expected messages. */
const OTHERS: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ['a pointer of Git LFS', LFS, /Git LFS pointer.*244,408,911 bytes.*git lfs pull/],
  ['a page', '<!DOCTYPE html>\n<html><head>', /web page \(HTML\).*fetch the file again/],
  ['a page after blanks', '\ufeff\n\n  <!-- a\nnote --> <HTML lang="en">', /web page/],
  ['a page of XHTML', '<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "">', /web page/],
  ['nothing', '', /got an empty file/],
  ['zeros', Buffer.alloc(4096), /got only zeros/],
  ['a message', '404: Not Found', /text that begins with "404: Not Found"/],
  ['a message in JSON', '{"error":"Invalid credentials"}', /JSON text that begins with/],
  ['a text in Chinese', '\u6587\u4ef6\u4e0d\u5b58\u5728'.repeat(200), /text that begins with/],
  ['a tar file', tar, /tar archive/],
  ['a gzip file', gzipSync('weights'), /gzip file.*unpack/],
  ['an HDF5 file', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), /HDF5 file, as Keras writes/],
  ['an array', Buffer.from('\x93NUMPY\x01\0', 'latin1'), /array of NumPy/],
  ['a SavedModel', Buffer.from('\x08\x01\x12\x05hello', 'latin1'), /SavedModel of TensorFlow/],
  ['a list of checkpoints', 'model_checkpoint_path: "model.ckpt-1"\n', /TensorFlow's list of checkpoints/],
  ['an image', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /image \(PNG\)/],
];

for (const [name, content, words] of OTHERS)
  test(`${name} instead of weights or a network is identified`, async () => {
    const bytes = Buffer.from(content as string);
    const said = (error: unknown) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(error.message, words);
      assert.match(error.message, /Expected .*; got .* Next: /s);
      return true;
    };
    await assert.rejects(openWeights(bufferSource('w.pth', bytes)), said);
    assert.throws(() => importOnnx(bytes, { name: 'w.onnx' }), said);
  });

test('a network instead of weights, and the reverse, give the advice to rename', async () => {
  const onnx = Buffer.from('\x08\x08\x12\x07pytorch', 'latin1');
  await assert.rejects(openWeights(bufferSource('w.pth', onnx)), /an ONNX model.*ends in \.onnx/);
  await assert.rejects(
    openWeights(bufferSource('w.onnx', onnx)),
    /got an ONNX model\. Next: give the weights that it was exported from/,
  );
  for (const [bytes, what] of [
    [Buffer.from('PK\x03\x04'), /zip file, as torch\.save writes/],
    [Buffer.from([0x80, 2, 0x8a, 10]), /Python pickle/],
    [Buffer.from('\x10\0\0\0\0\0\0\0{"a":{}}', 'latin1'), /safetensors file/],
  ] as const)
    assert.throws(() => importOnnx(bytes, { name: 'w.onnx' }), what);
});

test('bytes of an unknown format are shown', async () => {
  const bytes = Buffer.from([7, 200, 3, 255, 0, 1, 2, 3, 4, 5]);
  await assert.rejects(
    openWeights(bufferSource('w.pth', bytes)),
    /10 bytes of an unknown format.*07 c8 03 ff/,
  );
});
