// slm/sampling.py once more, for one row of logits: what the settings make of the model's probabilities.
// tests/demo/test_browser_write.py holds the two together.
"use strict";

function softmax(scores) {
  let highest = -Infinity, sum = 0;
  for (const score of scores) highest = Math.max(highest, score);
  const probs = Float64Array.from(scores, (score) => Math.exp(score - highest));
  for (const prob of probs) sum += prob;
  return probs.map((prob) => prob / sum);
}

// The probabilities that a token is drawn from: logits (V), the ids seen, and settings where null is off.
function sampled(logits, seen, settings) {
  let scores = Float64Array.from(logits);
  if (settings.repetition_penalty !== null) {
    for (const id of new Set(seen)) scores[id] = scores[id] < 0 ? scores[id] * settings.repetition_penalty : scores[id] / settings.repetition_penalty;
  }
  if (settings.temperature === 0) {
    const best = scores.indexOf(scores.reduce((a, b) => Math.max(a, b)));
    return scores.fill(0).fill(1, best, best + 1);
  }
  scores = scores.map((score) => score / settings.temperature);
  const top_p = settings.top_p === 1 ? null : settings.top_p;
  const order = settings.top_k === null && top_p === null ? [] : Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  if (settings.top_k !== null) for (const id of order.subarray(settings.top_k)) scores[id] = -Infinity;
  if (top_p !== null) {
    const probs = softmax(scores);
    let mass = probs[order[0]];
    for (const id of order.subarray(1)) {
      const outside = mass >= top_p;
      mass += probs[id];
      if (outside) scores[id] = -Infinity;
    }
  }
  if (settings.min_p) {
    const least = scores.reduce((a, b) => Math.max(a, b)) + Math.log(settings.min_p);
    scores = scores.map((score) => (score < least ? -Infinity : score));
  }
  return softmax(scores);
}
