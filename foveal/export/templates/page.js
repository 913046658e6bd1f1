// Shows one version of the plan at a time; without this script all stand one below another.
(function () {
  const holder = document.getElementById("versions");
  const versions = holder ? Array.from(holder.querySelectorAll(".version")) : [];
  if (versions.length < 2) return;
  const picker = document.createElement("div");
  picker.className = "versions-picker";
  picker.setAttribute("role", "group");
  picker.setAttribute("aria-label", "Version of the plan");
  const buttons = versions.map(function (version, number) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = version.dataset.name + " " + version.dataset.code;
    button.addEventListener("click", function () { show(number); });
    picker.append(button);
    return button;
  });
  function show(number) {
    versions.forEach(function (version, n) { version.hidden = n !== number; });
    buttons.forEach(function (button, n) { button.setAttribute("aria-pressed", String(n === number)); });
  }
  picker.addEventListener("keydown", function (event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!step || at < 0) return;
    const next = (at + step + buttons.length) % buttons.length;
    buttons[next].focus();
    show(next);
    event.preventDefault();
  });
  holder.classList.add("picked");
  holder.before(picker);
  show(versions.length - 1);
})();
