// An ONNX model as bytes: a graph of operators whose weights lie in other files. Protocol buffers as in onnx.proto (onnx.ai,
// IR version 10); the numbers below are its field numbers.

import { PbfWriter } from 'pbf'

export type OnnxElement = 'float' | 'int32' | 'int64'

/** A whole number, or a real one where it is written as `{ float }`. */
export type OnnxAttribute = number | { readonly float: number }

export interface OnnxNode {
  readonly operator: string
  /** That of ONNX Runtime's own operators; absent for those of the standard. */
  readonly domain?: 'com.microsoft'
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxValue {
  readonly name: string
  readonly element: OnnxElement
  /** A name stands for a length that each run chooses. */
  readonly shape: readonly (number | string)[]
}

/** A tensor that does not change: its numbers here, or in the external file of its own name. */
export interface OnnxConstant {
  readonly name: string
  readonly element: OnnxElement
  readonly shape: readonly number[]
  /** Of whole numbers (int64) alone. */
  readonly values?: readonly number[]
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly constants: readonly OnnxConstant[]
  readonly nodes: readonly OnnxNode[]
}

const IR_VERSION = 10
const OPERATOR_SETS = [
  ['', 21],
  ['com.microsoft', 1],
] as const
const ELEMENTS: Readonly<Record<OnnxElement, number>> = { float: 1, int32: 6, int64: 7 }
const EXTERNAL = 1
const [FLOAT, INT] = [1, 2]

/** The bytes of a `.onnx` file. */
export function writeOnnx(graph: OnnxGraph): Uint8Array {
  const file = new PbfWriter()
  writeInt(file, 1, IR_VERSION)
  writeText(file, 2, 'centram')
  file.writeMessage(7, writeGraph, graph)
  for (const set of OPERATOR_SETS) {
    file.writeMessage(
      8,
      ([domain, version], out) => {
        writeText(out, 1, domain)
        writeInt(out, 2, version)
      },
      set,
    )
  }
  return file.finish()
}

function writeGraph({ nodes, constants, inputs, outputs }: OnnxGraph, out: PbfWriter): void {
  for (const node of nodes) out.writeMessage(1, writeNode, node)
  writeText(out, 2, 'model')
  for (const constant of constants) out.writeMessage(5, writeConstant, constant)
  for (const value of inputs) out.writeMessage(11, writeValue, value)
  for (const value of outputs) out.writeMessage(12, writeValue, value)
}

function writeNode({ operator, domain, inputs, outputs, attributes = {} }: OnnxNode, out: PbfWriter): void {
  for (const name of inputs) writeText(out, 1, name)
  for (const name of outputs) writeText(out, 2, name)
  // Unique, for the messages of a runtime.
  writeText(out, 3, outputs[0] ?? operator)
  writeText(out, 4, operator)
  for (const attribute of Object.entries(attributes)) out.writeMessage(5, writeAttribute, attribute)
  if (domain !== undefined) writeText(out, 7, domain)
}

function writeAttribute([name, value]: readonly [string, OnnxAttribute], out: PbfWriter): void {
  writeText(out, 1, name)
  if (typeof value === 'number') writeInt(out, 3, value)
  else {
    out.writeTag(2, 5)
    out.writeFloat(value.float)
  }
  writeInt(out, 20, typeof value === 'number' ? INT : FLOAT)
}

function writeConstant({ name, element, shape, values }: OnnxConstant, out: PbfWriter): void {
  for (const length of shape) writeInt(out, 1, length)
  writeInt(out, 2, ELEMENTS[element])
  writeText(out, 8, name)
  if (values) {
    out.writeTag(9, 2)
    out.writeBytes(new Uint8Array(BigInt64Array.from(values, BigInt).buffer))
    return
  }
  out.writeMessage(13, writePair, ['location', name])
  writeInt(out, 14, EXTERNAL)
}

function writePair([key, value]: readonly [string, string], out: PbfWriter): void {
  writeText(out, 1, key)
  writeText(out, 2, value)
}

function writeValue({ name, element, shape }: OnnxValue, out: PbfWriter): void {
  writeText(out, 1, name)
  // TypeProto → its tensor_type → shape → dims.
  out.writeMessage(2, (_, type) => type.writeMessage(1, writeTensorType, { element, shape }), null)
}

function writeTensorType({ element, shape }: Pick<OnnxValue, 'element' | 'shape'>, out: PbfWriter): void {
  writeInt(out, 1, ELEMENTS[element])
  out.writeMessage(
    2,
    (lengths, dims) => {
      for (const length of lengths) {
        dims.writeMessage(
          1,
          (one, dim) => (typeof one === 'number' ? writeInt(dim, 1, one) : writeText(dim, 2, one)),
          length,
        )
      }
    },
    shape,
  )
}

function writeInt(out: PbfWriter, field: number, value: number): void {
  out.writeTag(field, 0)
  out.writeVarint(value)
}

function writeText(out: PbfWriter, field: number, text: string): void {
  out.writeTag(field, 2)
  out.writeString(text)
}
