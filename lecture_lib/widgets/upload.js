// A button that sends a file of the reader's own, piece by piece.

function send(model, name, contents) {
  const [size, piece] = [contents.byteLength, model.get("piece")];
  for (let start = 0; start === 0 || start < size; start += piece) {
    model.send({ name, size, start }, undefined, [contents.slice(start, start + piece)]);
  }
}

function render({ model, el }) {
  el.innerHTML = `<label>your own <input type="file" accept="image/*"></label>`;
  const input = el.querySelector("input");
  input.addEventListener("change", async () => {
    const file = input.files[0];
    if (!file) return;
    if (file.size > model.get("limit")) model.send({ name: file.name, size: file.size, refused: true });
    else send(model, file.name, await file.arrayBuffer());
    input.value = ""; // so that the same file can be chosen again
  });
}

export default { render };
