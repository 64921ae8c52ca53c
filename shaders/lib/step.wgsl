// What changes between steps; see worker/gpu/step-buffer.ts.
struct Step {
  position: u32, // of the first column
  columns: u32,
  spare0: u32,
  spare1: u32,
  tokens: array<u32>,
}
