// Radio buttons of guesses and quizzes: nothing is told before one is picked.
document.querySelectorAll("form.question").forEach((form) => {
  const { replies } = JSON.parse(form.querySelector("script").textContent);
  const status = form.querySelector("[role=status]");
  const answers = document.querySelectorAll(`.answer[data-name="${form.dataset.name}"]`);
  const tell = (place, parts) => place.replaceChildren(...parts.map((part) => {
    const line = document.createElement("span");
    line.textContent = `${part} `;
    return line;
  }));
  const places = [...answers].map((answer, number) => {
    const place = document.createElement("div");
    place.className = "verdict";
    place.id = `answer-${form.dataset.name}-${number}`;
    place.tabIndex = -1;
    if (form.dataset.kind === "guess") place.textContent = "Pick first: choose an answer above.";
    answer.prepend(place);
    return place;
  });
  form.addEventListener("change", () => {
    const parts = replies[new FormData(form).get(form.dataset.name)];
    if (form.dataset.kind === "quiz" || !places.length) return tell(status, parts);
    places.forEach((place) => tell(place, parts));
    const link = document.createElement("a");
    link.href = `#${places[0].id}`;
    link.textContent = "what came out, and what your guess is about";
    status.replaceChildren("Your guess is kept. Read on, or go to ", link, ".");
  });
});
