// The token is in the fragment, which browsers send to no server; it is removed from the history.
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
history.replaceState(null, "", location.pathname);
const form = document.getElementById("account");
const result = document.getElementById("result");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch(form.dataset.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, ...Object.fromEntries(new FormData(form)) }),
  });
  const body = response.status === 204 ? {} : await response.json();
  const details = (body.details || []).map((detail) => detail.message);
  result.textContent = response.ok ? "Done. You can sign in." : [body.error, ...details].join(" ");
  form.hidden = response.ok;
});
