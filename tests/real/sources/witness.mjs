// Calls each server by STARTTLS and verifies it by node:tls, then says EHLO once more:
//     node witness.mjs NAME PORT CAFILE [PORT CAFILE]…
// Prints its version, then a line for each: port, tab, "" or why it refuses.

import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

const [name, ...rest] = process.argv.slice(2);
console.log(`Node ${process.versions.node} with OpenSSL ${process.versions.openssl}`);

function call(port, file) {
  return new Promise((told) => {
    const socket = net.connect(Number(port), "127.0.0.1");
    const lines = ["EHLO witness.example.test", "STARTTLS"];
    const refused = (error) => told(`${error.code ?? ""} ${error.message}`.replace(/\s+/g, " "));
    socket.setTimeout(10_000, () => refused(new Error("timeout")));
    socket.on("error", refused);
    socket.on("data", (octets) => {
      if (/(^|\n)\d\d\d-[^\n]*\n$/.test(octets.toString())) return;
      if (lines.length) return socket.write(`${lines.shift()}\r\n`);
      socket.removeAllListeners("data");
      const trusting = { socket, servername: name, ca: readFileSync(file) };
      const secure = tls.connect(trusting, () => secure.write("EHLO witness.example.test\r\n"));
      secure.on("data", () => told(""));
      secure.on("error", refused);
      secure.on("close", () => refused(new Error("closed")));
    });
  });
}

for (let n = 0; n + 1 < rest.length; n += 2) {
  console.log(`${rest[n]}\t${await call(rest[n], rest[n + 1])}`);
}
process.exit(0);
