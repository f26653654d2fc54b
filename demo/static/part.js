// A part of the page that takes what is new (live.js) in place; whoever reads it by keyboard stays where they are.
const inner = 'a, button, summary, [tabindex]';

document.addEventListener("slm-news", (event) => {
  if (!element.isConnected || !(props.part in event.detail)) return;
  const at = [...element.querySelectorAll(inner)].indexOf(document.activeElement);
  props.value = event.detail[props.part];
  if (at >= 0) requestAnimationFrame(() => element.querySelectorAll(inner)[at]?.focus({ preventScroll: true }));
});
