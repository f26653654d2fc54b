// Asks the server what is new while this tab is looked at: `props.place` is where, `props.value` what the page shows.
// The parts that are new go to whoever listens for "slm-news"; where more must change, gradio paints ("tick").
const panel = element.closest('[role="tabpanel"]') || document.body;
const page = Math.random().toString(36).slice(2);
const PATIENCE_S = 3;
const LOST_S = 30; // an answer that has not come by then does not come any more
let timer = null, asking = false;

function looked() {
  return !document.hidden && panel.getClientRects().length > 0;
}

async function ask() {
  const seen = props.value;
  const signal = AbortSignal.timeout(1000 * LOST_S);
  const reply = await fetch(`${props.place}?${new URLSearchParams({ seen, page })}`, { signal });
  const wait = Number(reply.headers.get("slm-next-s")) || PATIENCE_S;
  if (reply.status !== 200) return wait;
  const news = await reply.json();
  if (props.value !== seen) return wait; // gradio has painted meanwhile
  if (news.repaint) {
    trigger("tick");
  } else {
    props.value = news.seen;
    document.dispatchEvent(new CustomEvent("slm-news", { detail: news.parts }));
  }
  return wait;
}

async function again() {
  clearTimeout(timer);
  if (asking || !element.isConnected) return;
  asking = true;
  let wait = PATIENCE_S;
  try {
    if (looked()) wait = await ask();
    else wait = 0.5; // costs nothing: nobody is asked
  } catch {
    wait = PATIENCE_S; // the server is away; it may come back
  }
  asking = false;
  timer = setTimeout(again, 1000 * wait);
}

document.addEventListener("visibilitychange", again);
again();
