// Where the labels of the chart's lines stand, so that none covers another. chart_js() in demo/views/chart.py puts this before chart.js.
// A box is [left, top, right, bottom] in the drawing's own units; nothing here looks at the page.
const LABEL_GAP = 1; // between a line and its label
const SURE = 3; // so much nearer than another line a label's own line should be

function meet(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

function gapTo(y, [, top, , bottom]) {
  return Math.max(top - y, y - bottom, 0);
}

// Whether a label there could be taken for another line's.
function isDoubtful(label, box, labels) {
  const others = labels.filter((other) => other.y !== label.y).map((other) => gapTo(other.y, box));
  return Math.min(...others) - gapTo(label.y, box) < SURE;
}

// The places of a label within the frame, with how far each is from its line: at the right before the left, above before below.
function spots({ y, width, height }, [left, top, right, bottom]) {
  const found = [];
  if (width > right - left) return found;
  for (let away = 0; away <= bottom - top; away += height / 4) {
    for (const [low, below] of [[y - LABEL_GAP - away, 0], [y + LABEL_GAP + away + height, 0.2]]) {
      if (low > bottom || low - height < top) continue;
      found.push([away + below, [right - width, low - height, right, low]], [away + below + 0.1, [left, low - height, left + width, low]]);
    }
  }
  return found;
}

// A box for each label {y, width, height} of a line at height y, in the frame and beside all boxes that are `taken`; null where no
// room is left. hides(box) says whether a label there would hide a curve: it rather stands a little further off, and rather hides
// a curve than be taken for another line's.
function placeLabels(labels, frame, taken, hides) {
  const placed = [...taken];
  return labels.map((label) => {
    let best = null, least = Infinity;
    for (const [away, box] of spots(label, frame)) {
      if (away >= least) break;
      if (placed.some((other) => meet(box, other))) continue;
      const cost = away + (hides(box) ? 1.5 * label.height : 0) + (isDoubtful(label, box, labels) ? 2 * label.height : 0);
      if (cost < least) [best, least] = [box, cost];
    }
    if (best) placed.push(best);
    return best;
  });
}
