// Copy buttons: data-copy names an element whose text is copied, data-copy-text is the text itself.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text]");
  if (!button) return;
  const text = button.dataset.copyText ?? document.querySelector(button.dataset.copy).textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

// What somebody has opened stays open when its part of the page is brought up to date.
let opened = [];
document.addEventListener("htmx:beforeSwap", () => {
  opened = [...document.querySelectorAll("details[id][open]")].map((one) => one.id);
});
document.addEventListener("htmx:afterSettle", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
});

// On a narrow screen the pages are a row that is moved sideways: begin at the one that is shown.
const here = document.querySelector("nav [aria-current=page]");
if (here) {
  const row = here.closest("nav");
  const [of, within] = [here.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += of.left - within.left - (within.width - of.width) / 2;
}
