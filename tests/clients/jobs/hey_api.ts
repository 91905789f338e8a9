// The whole job with @hey-api/openapi-ts and its default client, fetch.
import {
  type Asset,
  createCalculation,
  donate,
  listProjects,
  refreshTokens,
  register,
  showDonation,
  showMe,
  showReceipt,
  uploadFile,
} from "./client";
import { client } from "./client/client.gen";
import { assert, invoice, newUser, pay, waitFor } from "./support";

let token = "";
client.setConfig({ baseUrl: "http://127.0.0.1:8000", auth: () => token });

// Register
const registered = await register({ body: newUser() });
assert(registered.data, JSON.stringify(registered.error));
token = registered.data.accessToken;

// Calculate
const gold: Asset = { category: "gold", grams: 100, karat: 21, pricePerGram: 130.25 };
const calculated = await createCalculation({
  body: { assets: [{ category: "cash", amount: 50000 }, gold] },
});
assert(calculated.data, JSON.stringify(calculated.error));
const { zakatAmount, breakdown } = calculated.data;
assert(zakatAmount === 1534.92, `zakat: ${zakatAmount}`);
assert(breakdown?.length === 2, "a line of the breakdown for each asset");

// Donate
const projects = await listProjects();
const project = projects.data?.data[0];
assert(project, "a project");
const donated = await donate({
  headers: { "Idempotency-Key": crypto.randomUUID() },
  body: { projectId: project.id, amount: 25.5 },
});
assert(donated.data?.payment?.clientSecret, JSON.stringify(donated.error));

// Pay
const path = { id: donated.data.id };
await pay(donated.data.payment.clientSecret);
const paid = await waitFor(async () => {
  const { data } = await showDonation({ path });
  return data?.status === "succeeded" ? data : undefined;
});
assert(paid.receivedAmount === 25.5, `received: ${paid.receivedAmount}`);
const receipt = await showReceipt({ path });
assert(receipt.data instanceof Blob && receipt.data.size > 0, "a receipt");

// Upload
const uploaded = await uploadFile({ body: { file: invoice() } });
assert(uploaded.data?.type === "application/pdf", JSON.stringify(uploaded.error));

// Refresh
token = registered.data.refreshToken;
const refreshed = await refreshTokens();
assert(refreshed.data, JSON.stringify(refreshed.error));
token = refreshed.data.accessToken;
const me = await showMe();
assert(me.data?.id === registered.data.user.id, "the same user after the refresh");

// An error has a code
const failed = await donate({ body: { projectId: project.id, amount: -1 } });
assert(failed.error?.code === "VALIDATION_ERROR", "the code of the error");
console.log("done");
