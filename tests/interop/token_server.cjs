// A real OAuth 2.0 server (oauth2-mock-server) over TLS, made to refuse what Microsoft's would: a wrong secret, a
// statement that the application's certificate did not sign, a scope that is no /.default.
//
// node token_server.cjs KEY CERTIFICATE SETTINGS, all files; SETTINGS is JSON: client_id, client_secret,
// certificate (a PEM file), lifetime in seconds. Prints its port, then a line for each token or refusal.

const crypto = require("node:crypto");
const fs = require("node:fs");

const [key, certificate, settingsFile] = process.argv.slice(2);
const settings = JSON.parse(fs.readFileSync(settingsFile, "utf8"));
const ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Whether the application's own key signed the statement, for this server and this moment. */
function isSigned(assertion, audience) {
    const [head, body, signature] = assertion.split(".");
    const decode = (part) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    const [header, claims] = [decode(head), decode(body)];
    const own = new crypto.X509Certificate(fs.readFileSync(settings.certificate));
    const thumbprint = crypto.createHash("sha256").update(own.raw).digest("base64url");
    const now = Date.now() / 1000;
    const algorithms = {
        RS256: { key: own.publicKey, padding: crypto.constants.RSA_PKCS1_PADDING },
        PS256: { key: own.publicKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    };
    const verifier = algorithms[header.alg];
    const data = Buffer.from(`${head}.${body}`);
    return (
        verifier !== undefined &&
        header["x5t#S256"] === thumbprint &&
        claims.aud === audience &&
        claims.iss === settings.client_id &&
        claims.sub === settings.client_id &&
        claims.nbf <= now + 60 &&
        claims.exp > now &&
        crypto.verify("sha256", data, verifier, Buffer.from(signature, "base64url"))
    );
}

/** The AADSTS code of the refusal, or nothing. */
function refusal(form, url) {
    if (form.grant_type !== "client_credentials") return 900144;
    if (form.client_id !== settings.client_id) return 700016;
    if (!String(form.scope).endsWith("/.default")) return 1002012;
    if (form.client_assertion_type === ASSERTION) return isSigned(form.client_assertion, url) ? 0 : 700027;
    if (form.client_secret === undefined) return 7000218;
    return form.client_secret === settings.client_secret ? 0 : 7000215;
}

async function main() {
    const { OAuth2Server } = await import("oauth2-mock-server");
    const server = new OAuth2Server(key, certificate);
    await server.issuer.keys.generate("RS256");
    server.service.on("beforeTokenSigning", (token, request) => {
        const form = request.body;
        token.payload.aud = String(form.scope).replace(/\/\.default$/, "");
        token.payload.appid = form.client_id;
        token.payload.roles = ["full_access_as_app"];
        token.payload.exp = token.payload.iat + settings.lifetime;
    });
    server.service.on("beforeResponse", (answer, request) => {
        const url = `${server.issuer.url}/token`;
        const code = refusal(request.body, url);
        if (code) {
            answer.statusCode = 401;
            answer.body = {
                error: "invalid_client",
                error_description: `AADSTS${code}: Refused.\r\nTrace ID: 00000000-0000-0000-0000-000000000001`,
                error_codes: [code],
                trace_id: "00000000-0000-0000-0000-000000000001",
            };
        } else {
            answer.body.expires_in = settings.lifetime;
        }
        console.log(code ? `refused ${code}` : "granted");
    });
    await server.start(0, "localhost");
    console.log(`port ${server.address().port}`);
    process.stdin.resume().on("end", () => process.exit(0));
}

main();
