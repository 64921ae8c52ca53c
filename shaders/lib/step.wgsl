// What changes between steps; see worker/gpu/step-buffer.ts.
struct Step {
  position: u32, // of the first column
  columns: u32,
  first: u32, // where these columns begin among those of all sessions in the step
  spare: u32,
  tokens: array<u32>,
}
