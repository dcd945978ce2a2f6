/** What GitHub and GitLab keep of a pull request's comments, behind as much of their APIs as the workflows use. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export const token = "the-token-of-this-run";
/** Of the bot in whose name the workflows write. */
const botId = 7;
const perPage = 100;

interface Comment {
  readonly id: number;
  body: string;
  readonly isBots: boolean;
}

export interface Hosting {
  readonly url: string;
  readonly comments: Comment[];
  /** Adds one, as a person or the bot. */
  write(body: string, isBots: boolean): void;
  close(): void;
}

/** Starts it with more comments of people than a page holds. */
export async function startHosting(): Promise<Hosting> {
  const comments: Comment[] = [];
  const write = (body: string, isBots: boolean) => {
    comments.push({ id: comments.length + 1, body, isBots });
    return comments.at(-1)!;
  };
  for (let number = 0; number < perPage + 5; number++) write(`Comment ${number}`, false);

  const answer = async (request: IncomingMessage) => {
    const { pathname, searchParams } = new URL(request.url!, "http://hosting");
    if (![`Bearer ${token}`, undefined].includes(request.headers.authorization)) return { status: 401 };
    if (![token, undefined].includes(request.headers["private-token"] as string)) return { status: 401 };
    if (pathname === "/api/v4/user") return { status: 200, body: { id: botId } };
    const [, id] = /\/(?:comments|notes)(?:\/(\d+))?$/.exec(pathname) ?? [];
    if (request.method === "GET") {
      const page = Number(searchParams.get("page") ?? 1);
      return { status: 200, body: comments.slice((page - 1) * perPage, page * perPage).map(shown) };
    }
    const body = bodyOf(request, await text(request));
    if (body === undefined) return { status: 400 };
    if (request.method === "POST" && id === undefined) return { status: 201, body: shown(write(body, true)) };
    const comment = comments.find((one) => one.id === Number(id));
    if (comment === undefined) return { status: 404 };
    if (!comment.isBots) return { status: 403 };
    comment.body = body;
    return { status: 200, body: shown(comment) };
  };
  const server = createServer(async (request, response) => {
    const { status, body = { message: `status ${status}` } } = await answer(request);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  /** With what both services tell of a comment. */
  const shown = ({ id, body, isBots }: Comment) => ({
    id,
    body,
    url: `${url}/repos/company/mesh/issues/comments/${id}`,
    user: { type: isBots ? "Bot" : "User" },
    author: { id: isBots ? botId : 1 },
  });
  return { url, comments, write, close: () => server.close() };
}

/** GitHub takes JSON, GitLab a form. */
function bodyOf({ headers }: IncomingMessage, sent: string): string | undefined {
  const isForm = headers["content-type"] === "application/x-www-form-urlencoded";
  return isForm ? (new URLSearchParams(sent).get("body") ?? undefined) : JSON.parse(sent).body;
}
