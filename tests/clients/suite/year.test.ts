// An integration suite: a financing of a year, from the application to the last instalment.
// Run it against a service of your own; API_URL is its address. Types are inferred throughout.
import assert from "node:assert/strict";
import test from "node:test";

const API = (process.env.API_URL ?? "http://127.0.0.1:8000") + "/api";

async function call(method = "GET", path = "/", body = {}, token = "") {
  const headers = new Headers({ "Content-Type": "application/json" });
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const text = Object.keys(body).length ? JSON.stringify(body) : undefined;
  const response = await fetch(API + path, { method, headers, body: text });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
}

/** A user of the service, who signs in again when the clock has ended the session. */
class Client {
  token = "";
  credentials = { email: "", password: "" };

  async signIn() {
    this.token = (await call("POST", "/auth/login", this.credentials)).accessToken;
  }

  get(path = "") {
    return call("GET", path, {}, this.token);
  }

  post(path = "", body = {}) {
    return call("POST", path, body, this.token);
  }
}

/** Bring the service back to the demo data; sign in as its user and its officer. */
async function reset() {
  const { accounts } = await call("POST", "/dev/reset");
  const clients = { user: new Client(), officer: new Client(), admin: new Client() };
  for (const { role, email, password } of accounts) {
    clients[role === "user" ? "user" : role === "officer" ? "officer" : "admin"].credentials = {
      email,
      password,
    };
  }
  await clients.user.signIn();
  await clients.officer.signIn();
  return clients;
}

/** Move the service's clock to noon of a day, plus some days. */
async function moveClock(day = "", days = 0) {
  const noon = new Date(`${day}T12:00:00Z`);
  noon.setUTCDate(noon.getUTCDate() + days);
  await call("POST", "/dev/clock", { now: noon.toISOString().slice(0, 19) + "Z" });
}

/** Let the bank succeed, decline, dispute, refund or expire a payment. */
async function letPayment(payment = { id: "" }, act = "succeed") {
  return (await call("POST", `/dev/payments/${payment.id}/${act}`)).status;
}

test("a financing lives through its year", async () => {
  const { user: buyer, officer } = await reset();
  const vendorId = (await buyer.get("/murabaha/vendors")).data[0].id;
  const wish = { vendorId, itemDescription: "A sewing machine" };
  const terms = { requestedAmount: 1200, termMonths: 12 };
  const { id } = await buyer.post("/murabaha/applications", { ...wish, ...terms });
  const path = `/murabaha/applications/${id}`;
  await officer.post(`${path}/approve`, { cost: 1200, profitRate: 0.05, termMonths: 12 });
  const { now } = await call("POST", "/dev/clock", { advanceSeconds: 0 });
  await officer.post(`${path}/acquire`, { acquiredOn: now.slice(0, 10), invoice: "INV-1" });
  const { installments } = await buyer.post(`${path}/accept`, {});
  assert.equal(installments.length, 12);

  for (const { number, dueDate } of installments) {
    await moveClock(dueDate);
    await buyer.signIn();
    if (number === 3) {
      const declined = await buyer.post(`${path}/installments/3/pay`);
      assert.equal(await letPayment(declined, "decline"), "failed");
    }
    if (number === 4) {
      await moveClock(dueDate, 20);
      await buyer.signIn();
      assert.equal((await buyer.get(path)).installments[3].status, "overdue");
    }
    const payment = await buyer.post(`${path}/installments/${number}/pay`);
    assert.equal(await letPayment(payment, "succeed"), "succeeded");
  }
  assert.equal((await buyer.get(path)).status, "completed");
});
