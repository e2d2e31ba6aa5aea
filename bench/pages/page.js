for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const numeric = head.classList.contains("number");
      const before = head.getAttribute("aria-sort");
      // numbers start with the largest, names with the first; missing values stay last
      const down = before === null ? numeric && column > 0 : before === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.value;
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const x = key(a), y = key(b);
        if (x === "" || y === "") return (x === "") - (y === "");
        const order = numeric ? Number(x) - Number(y) : x.localeCompare(y);
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

// A click (or Enter) shows an image large, a metamer beside its natural stimulus; Esc closes.
const dialog = document.createElement("dialog");
dialog.innerHTML = '<div class="pair"></div><form method="dialog"><button>Close</button></form>';
document.body.append(dialog);
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

function enlarge(image) {
  const table = image.closest("table.tiles");
  const shown = [image];
  if (table) {
    const natural = table.tBodies[0].rows[0].cells[image.closest("td").cellIndex]?.querySelector("img");
    if (natural && natural !== image) shown.unshift(natural);
  }
  dialog.firstChild.replaceChildren(...shown.map((one) => {
    const place = document.createElement("div");
    const copy = document.createElement("img");
    copy.src = one.src;
    copy.alt = one.alt;
    copy.className = table ? "tile" : "plot";
    const text = document.createElement("p");
    text.className = "note";
    text.textContent = one.alt;
    place.append(copy, text);
    return place;
  }));
  dialog.showModal();
}

for (const image of document.querySelectorAll("img.zoom")) {
  image.tabIndex = 0;
  image.addEventListener("click", () => enlarge(image));
  image.addEventListener("keydown", (event) => { if (event.key === "Enter") enlarge(image); });
}
