"use strict";
// Search, filters and sorting, added to the tables of class « liste ». Pages are whole without it.

(function () {
  function folded(text) {
    return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[\u00a0\u202f]/g, " ")
      .replace(/\u2019/g, "'").toLowerCase();
  }

  function element(name, attributes, text) {
    var made = document.createElement(name);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    if (text) { made.textContent = text; }
    return made;
  }

  function key(cell) {
    if (!cell) { return ""; }
    var given = cell.getAttribute("data-v");
    return given === null ? folded(cell.textContent.trim()) : given;
  }

  function compare(first, second) {
    var numbers = first !== "" && second !== "" && !isNaN(first) && !isNaN(second);
    if (numbers) { return Number(first) - Number(second); }
    return first < second ? -1 : first > second ? 1 : 0;
  }

  function field(label, control, id) {
    var around = element("div", {});
    control.id = id;
    around.appendChild(element("label", { for: id }, label));
    around.appendChild(control);
    return around;
  }

  function equip(table, rank) {
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    if (rows.length < 2) { return; }
    var texts = rows.map(function (row) {
      return folded(row.textContent) + " " + folded(row.textContent).replace(/\s/g, "");
    });
    var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
    var tools = element("div", { class: "outils", role: "search", "aria-label": "Chercher dans le tableau" });
    var search = element("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    tools.appendChild(field("Chercher dans le tableau", search, "cherche-" + rank));
    var choices = [];
    heads.forEach(function (head, place) {
      if (!head.hasAttribute("data-filtre")) { return; }
      var counts = {};
      rows.forEach(function (row) {
        var text = row.cells[place].textContent.trim();
        counts[text] = (counts[text] || 0) + 1;
      });
      var names = Object.keys(counts).sort(function (a, b) { return a.localeCompare(b, "fr"); });
      if (names.length < 2) { return; }
      var choice = element("select", {});
      choice.appendChild(element("option", { value: "" }, "tous"));
      names.forEach(function (name) {
        var option = element("option", {}, (name || "(vide)") + " (" + counts[name] + ")");
        option.value = "=" + name;
        choice.appendChild(option);
      });
      tools.appendChild(field(head.textContent.trim(), choice, "filtre-" + rank + "-" + place));
      choices.push([place, choice]);
    });
    var told = element("p", { role: "status" });
    tools.appendChild(told);
    var around = table.closest(".cadre") || table;
    around.parentNode.insertBefore(tools, around);

    function filter() {
      var words = folded(search.value).split(/\s+/).filter(Boolean);
      var shown = 0;
      rows.forEach(function (row, place) {
        var fits = words.every(function (word) { return texts[place].indexOf(word) >= 0; }) &&
          choices.every(function (pair) {
            return !pair[1].value || "=" + row.cells[pair[0]].textContent.trim() === pair[1].value;
          });
        row.hidden = !fits;
        shown += fits ? 1 : 0;
      });
      told.textContent = shown.toLocaleString("fr-FR") + " sur " +
        rows.length.toLocaleString("fr-FR") + (rows.length > 1 ? " lignes" : " ligne");
    }

    heads.forEach(function (head, place) {
      if (head.hasAttribute("data-fixe")) { return; }
      var button = element("button", { type: "button" }, head.textContent.trim());
      head.textContent = "";
      head.appendChild(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () {
        var down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (other) {
          if (other.hasAttribute("aria-sort")) { other.setAttribute("aria-sort", "none"); }
        });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        var keyed = rows.map(function (row, order) { return [key(row.cells[place]), order, row]; });
        keyed.sort(function (a, b) {
          return (down ? -1 : 1) * compare(a[0], b[0]) || a[1] - b[1];
        });
        var ordered = document.createDocumentFragment();
        keyed.forEach(function (one) { ordered.appendChild(one[2]); });
        body.appendChild(ordered);
      });
    });
    search.addEventListener("input", filter);
    choices.forEach(function (pair) { pair[1].addEventListener("change", filter); });
    filter();
  }

  Array.prototype.forEach.call(document.querySelectorAll("table.liste"), equip);
}());
