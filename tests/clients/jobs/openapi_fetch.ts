// The whole job with openapi-typescript and openapi-fetch.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";
import { assert, invoice, newUser, pay, waitFor } from "./support";

const api = createClient<paths>({ baseUrl: "http://127.0.0.1:8000" });
let token = "";
api.use({
  onRequest({ request }) {
    if (token && !request.headers.has("Authorization")) request.headers.set("Authorization", `Bearer ${token}`);
  },
});

// Register
const registered = await api.POST("/api/auth/register", { body: newUser() });
assert(registered.data, "register");
token = registered.data.accessToken;

// Calculate
const gold: components["schemas"]["Asset"] = { category: "gold", grams: 100, karat: 21, pricePerGram: 130.25 };
const calculated = await api.POST("/api/zakat/calculations", {
  body: { assets: [{ category: "cash", amount: 50000 }, gold] },
});
assert(calculated.data, JSON.stringify(calculated.error));
const { zakatAmount, breakdown } = calculated.data;
assert(zakatAmount === 1534.92, `zakat: ${zakatAmount}`);
assert(breakdown?.length === 2, "a line of the breakdown for each asset");

// Donate
const projects = await api.GET("/api/waqf/projects");
const project = projects.data?.data[0];
assert(project, "a project");
const donated = await api.POST("/api/waqf/donations", {
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { projectId: project.id, amount: 25.5 },
});
assert(donated.data?.payment?.clientSecret, JSON.stringify(donated.error));

// Pay
const donation = { params: { path: { id: donated.data.id } } };
await pay(donated.data.payment.clientSecret);
const paid = await waitFor(async () => {
  const { data } = await api.GET("/api/waqf/donations/{id}", donation);
  return data?.status === "succeeded" ? data : undefined;
});
assert(paid.receivedAmount === 25.5, `received: ${paid.receivedAmount}`);
const receipt = await api.GET("/api/waqf/donations/{id}/receipt", { ...donation, parseAs: "blob" });
assert(receipt.data && receipt.response.headers.get("Content-Type") === "application/pdf", "a receipt");

// Upload
const form = new FormData();
form.set("file", invoice());
const uploaded = await api.POST("/api/upload", { body: { file: "" }, bodySerializer: () => form });
assert(uploaded.data?.type === "application/pdf", JSON.stringify(uploaded.error));

// Refresh
const refreshed = await api.POST("/api/auth/refresh", {
  headers: { Authorization: `Bearer ${registered.data.refreshToken}` },
});
assert(refreshed.data, JSON.stringify(refreshed.error));
token = refreshed.data.accessToken;
const me = await api.GET("/api/auth/me");
assert(me.data?.id === registered.data.user.id, "the same user after the refresh");

// An error has a code
const failed = await api.POST("/api/waqf/donations", { body: { projectId: project.id, amount: -1 } });
assert(failed.error?.code === "VALIDATION_ERROR", "the code of the error");
console.log("done");
