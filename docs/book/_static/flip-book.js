// Turns an explorer's flip-book: each combination of the settings is a figure that is already drawn.
document.querySelectorAll(".flip-book").forEach((book) => {
  const { folder, sentences } = JSON.parse(book.querySelector("script").textContent);
  const settings = book.querySelector(".settings");
  const image = book.querySelector("img");
  const spoken = book.querySelector("[role=status]");
  const controls = [...settings.children];
  const stop = (control) => Number(control.querySelector("input[type=range], :checked").value);
  const stops = (control) => {
    const slider = control.querySelector("input[type=range]");
    return slider ? Number(slider.max) + 1 : control.querySelectorAll("input").length;
  };
  const turn = () => {
    const page = controls.reduce((at, control) => at * stops(control) + stop(control), 0);
    settings.querySelectorAll("input[type=range]").forEach((slider) => {
      const said = JSON.parse(slider.dataset.stops)[slider.value];
      slider.setAttribute("aria-valuetext", said);
      slider.previousElementSibling.textContent = said;
    });
    image.src = `${folder}/${page}.webp`;
    image.alt = spoken.textContent = sentences[page];
  };
  settings.addEventListener("input", turn);
  settings.hidden = false;
});
