// A workload's backend after the Fabric Extensibility Toolkit (hosting type Remote): Node, jobs in memory.
//
// Its settings are its own, named as in the published stub: TENANT_ID (the publisher's), BACKEND_AUDIENCE,
// AAD_LOGIN_URL, and PORT.
import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";

const { TENANT_ID, BACKEND_AUDIENCE, AAD_LOGIN_URL, PORT } = process.env;
const FABRIC_APPS = ["00000009-0000-0000-c000-000000000000", "d2450708-699c-41e3-8077-b0c8341509aa"];
const items = {};
const jobs = {};
const calls = [];

class Refusal extends Error {
  constructor(status, errorCode, message) {
    super(message);
    this.status = status;
    this.body = { errorCode, message, source: "User", isPermanent: true };
  }
}

async function claimsOf(token, tenant) {
  const [head, body, signature] = token.split(".");
  const { kid, alg } = JSON.parse(Buffer.from(head, "base64url"));
  const published = await fetch(`${AAD_LOGIN_URL}/${tenant}/discovery/v2.0/keys`);
  const jwk = (await published.json()).keys.find((key) => key.kid === kid);
  if (alg !== "RS256" || !jwk) throw new Refusal(401, "AuthError", "unknown signing key");
  const key = createPublicKey({ key: jwk, format: "jwk" });
  if (!verify("RSA-SHA256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url")))
    throw new Refusal(401, "AuthError", "bad signature");
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  if (claims.aud !== BACKEND_AUDIENCE || claims.exp * 1000 < Date.now() - 60000)
    throw new Refusal(401, "AuthError", "bad audience, or expired");
  if (!FABRIC_APPS.includes(claims.appid)) throw new Refusal(401, "AuthError", "not called by Fabric");
  return claims;
}

async function authenticate(headers, needsSubject) {
  const tokens = /^SubjectAndAppToken1\.0 subjectToken="(.*)", appToken="(.+)"$/.exec(headers.authorization);
  const tenant = headers["x-ms-client-tenant-id"];
  if (!tokens || !tenant || !headers.activityid || !headers.requestid)
    throw new Refusal(401, "AuthError", "a header is missing");
  const app = await claimsOf(tokens[2], TENANT_ID);
  if (app.idtyp !== "app" || app.tid !== TENANT_ID) throw new Refusal(401, "AuthError", "bad app token");
  if (!tokens[1] && !needsSubject) return;
  const subject = await claimsOf(tokens[1], tenant);
  if (subject.tid !== tenant || !subject.scp.split(" ").includes("FabricWorkloadControl"))
    throw new Refusal(403, "AuthError", "bad subject token");
}

function state(id) {
  const job = jobs[id];
  if (!job) throw new Refusal(404, "JobInstanceNotFound", "no such job");
  const { status, startTimeUtc, endTimeUtc, errorDetails } = job;
  return { status, startTimeUtc, endTimeUtc, errorDetails };
}

function end(id, status, errorDetails) {
  if (jobs[id].status === "InProgress")
    Object.assign(jobs[id], { status, errorDetails, endTimeUtc: new Date().toISOString() });
}

const operations = {
  onCreateItem: (item, body) => {
    const parts = body.definition?.parts ?? [];
    if (parts.some((part) => Buffer.from(part.payload, "base64").toString().includes("mauve")))
      throw new Refusal(400, "NoSuchColour", "Nobody weaves mauve.");
    items[item] = body;
    return [200, {}];
  },
  onUpdateItem: (item, body) => ((items[item] = { ...items[item], ...body }), [200, {}]),
  onDeleteItem: (item, body) => ((items[item] = { deleted: body.deleteType }), [200, {}]),
  "jobs/onCreateJobInstance": (item, { jobType, jobInstanceId, executionData, definition }) => {
    if (!items[item]) throw new Refusal(404, "ItemNotFound", "no such item");
    const startTimeUtc = new Date().toISOString();
    jobs[jobInstanceId] = { status: "InProgress", startTimeUtc, jobType, executionData, definition };
    const error = { errorCode: "ThreadBroke", message: "the warp is torn", source: "System", isPermanent: true };
    const fails = executionData?.fails;
    const milliseconds = 1000 * (executionData?.seconds ?? 0);
    setTimeout(() => end(jobInstanceId, fails ? "Failed" : "Completed", fails && error), milliseconds);
    return [201, state(jobInstanceId)];
  },
  "jobs/onGetJobInstanceStatus": (_, { jobInstanceId }) => [200, state(jobInstanceId)],
  "jobs/onCancelJobInstance": (_, { jobInstanceId }) => {
    state(jobInstanceId);
    end(jobInstanceId, "Cancelled");
    return [200, state(jobInstanceId)];
  },
};

async function answer(request) {
  if (request.url === "/seen") return [200, { calls, items, jobs }];
  const path = /^\/workload\/workspaces\/[^/]+\/items\/([^/]+)\/([^/]+)\/(.+)$/.exec(request.url.split("?")[0]);
  const name = Object.keys(operations).find((known) => known.toLowerCase() === path?.[3].toLowerCase());
  if (!name || request.method !== "POST") throw new Refusal(404, "NotFound", "no such operation");
  calls.push(`${request.method} ${path[0].slice("/workload/".length)}`);
  await authenticate(request.headers, name !== "onDeleteItem");
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return operations[name](path[2], JSON.parse(Buffer.concat(chunks).toString() || "{}"));
}

createServer(async (request, response) => {
  let status = 500;
  let body = { errorCode: "InternalError", message: "", source: "System", isPermanent: false };
  try {
    [status, body] = await answer(request);
  } catch (error) {
    if (error instanceof Refusal) [status, body] = [error.status, error.body];
    else body.message = String(error);
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}).listen(Number(PORT), "127.0.0.1");
