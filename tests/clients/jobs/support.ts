// What the jobs share: the payer's part at the local Stripe, and checks.

const STRIPE = "http://127.0.0.1:12111";

/** Pay as the donor would, at the local Stripe. */
export async function pay(clientSecret: string): Promise<void> {
  const intent = clientSecret.split("_secret")[0];
  const response = await fetch(`${STRIPE}/_test/payment_intents/${intent}/succeed`, { method: "POST" });
  assert(response.ok, `Stripe: ${response.status}`);
}

/** Return the first result that has arrived; webhooks take a moment. */
export async function waitFor<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const result = await attempt();
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("It did not arrive.");
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export const newUser = () => ({
  name: "Mariam al-Ijliya",
  email: `mariam${crypto.randomUUID()}@example.org`,
  password: "correct horse battery",
});

/** A PDF in name and first bytes, which is what the service checks. */
export const invoice = () => new File(["%PDF-1.7\n%%EOF\n"], "invoice.pdf", { type: "application/pdf" });
