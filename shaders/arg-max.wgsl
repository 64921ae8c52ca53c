// The largest logit of each column and its id, in two stages: `partial` takes a stretch a workgroup, `final_stage` the
// winners of the stretches. The lower id wins a tie; NaN never wins, and a column of nothing else answers 0xffffffff.
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> winners: array<vec2u>; // id, logit bits
@group(0) @binding(2) var<storage, read_write> result: array<vec2u>;

override SIZE: u32;
override STRETCH: u32; // logits a workgroup
override STRETCHES: u32;

const THREADS = 64u;
var<workgroup> ids: array<u32, 64>;
var<workgroup> values: array<f32, 64>;

struct Best {
  id: u32,
  value: f32,
}

fn better(a: Best, id: u32, value: f32) -> Best {
  if (value > a.value || (value == a.value && id < a.id)) {
    return Best(id, value);
  }
  return a;
}

fn best_of_workgroup(thread: u32, mine: Best) -> Best {
  ids[thread] = mine.id;
  values[thread] = mine.value;
  workgroupBarrier();
  var best = mine;
  if (thread == 0u) {
    for (var other = 1u; other < THREADS; other++) {
      best = better(best, ids[other], values[other]);
    }
  }
  return best;
}

@compute @workgroup_size(THREADS)
fn partial(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = workgroup.y;
  let end = min(SIZE, (workgroup.x + 1u) * STRETCH);
  var best = Best(0xffffffffu, -3.4028234e38);
  for (var id = workgroup.x * STRETCH + thread; id < end; id += THREADS) {
    best = better(best, id, logits[column * SIZE + id]);
  }
  best = best_of_workgroup(thread, best);
  if (thread == 0u) {
    winners[column * STRETCHES + workgroup.x] = vec2u(best.id, bitcast<u32>(best.value));
  }
}

@compute @workgroup_size(THREADS)
fn final_stage(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = workgroup.y;
  var best = Best(0xffffffffu, -3.4028234e38);
  for (var i = thread; i < STRETCHES; i += THREADS) {
    let winner = winners[column * STRETCHES + i];
    best = better(best, winner.x, bitcast<f32>(winner.y));
  }
  best = best_of_workgroup(thread, best);
  if (thread == 0u) {
    result[column] = vec2u(best.id, bitcast<u32>(best.value));
  }
}
