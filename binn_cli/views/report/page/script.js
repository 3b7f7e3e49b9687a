"use strict";
(() => {
  const table = document.getElementById("table"), body = table.tBodies[0];
  const rows = [...body.rows], form = document.getElementById("filters");
  const search = document.getElementById("search"), choices = [...form.querySelectorAll("select")];
  const valueOf = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;

  const compare = (column, sign) => {
    const known = rows.map((row) => valueOf(row, column)).filter((value) => value !== "");
    const numeric = known.every((value) => Number.isFinite(Number(value)));
    return (a, b) => {
      const [x, y] = [valueOf(a, column), valueOf(b, column)];
      if (x === "" || y === "") return (x === "") - (y === "");  // what is missing stays at the end
      return sign * (numeric ? Number(x) - Number(y) : x.localeCompare(y, undefined, {numeric: true}));
    };
  };
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    body.append(...rows.slice().sort(compare(column, rising ? 1 : -1)));
  }));

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && choices.every((choice) =>
        choice.value === "" || valueOf(row, Number(choice.dataset.column)) === choice.value.slice(1));
      row.hidden = !fits;
      shown += fits;
    }
    document.getElementById("shown").textContent = `${shown} of ${rows.length} rows shown`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());

  const open = () => {
    const found = /^#run-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!found) return;
    found.parentElement.open = true;
    found.parentElement.scrollIntoView();
    found.focus({preventScroll: true});
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.hash && link.hash === location.hash) open();  // the same run a second time
  });
  const details = [...document.querySelectorAll("details.run")];
  document.getElementById("open").addEventListener("click", () => details.forEach((one) => { one.open = true; }));
  document.getElementById("close").addEventListener("click", () => details.forEach((one) => { one.open = false; }));
  form.hidden = false;
  document.querySelector(".tools").hidden = false;
  filter();
  open();
})();
