// The neighbours of any word: `js_on_load` of the panel that word_value (demo/views/inside.py) is for.

const root = element.querySelector(".slm");

function drawWord() {
  const value = props.value || {};
  if (!value.ids) return root.replaceChildren();
  const pick = html("div", { class: "slm-near-pick", role: "group", "aria-label": "The word's tokens" });
  const place = html("div");
  const choose = (at) => {
    markChosen(pick, at);
    place.replaceChildren(neighbourhood(value, value.ids[at], root.clientWidth));
  };
  if (value.ids.length > 1) {
    pick.append(...value.ids.map((id, at) => html("button", { type: "button", class: "slm-near-token", "data-at": at }, value.names[id])));
    pick.addEventListener("click", (event) => {
      const button = event.target.closest("[data-at]");
      if (button) choose(Number(button.dataset.at));
    });
  }
  root.replaceChildren(html("p", { class: "slm-lead", role: "status" }, value.lead), pick, place);
  choose(0);
  for (const button of pick.children) button.tabIndex = 0;
}

watch("value", drawWord);
drawWord();
