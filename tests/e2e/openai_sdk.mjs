// OpenAI's Node SDK, set up as anybody does: an address and a key. Plays one scenario and prints what came of it as JSON.
//
//     OPENAI_BASE_URL=... OPENAI_API_KEY=... node openai_sdk.mjs SCENARIO

import OpenAI from "openai";

const model = process.env.MODEL ?? "query-enhancement";
const client = new OpenAI({ maxRetries: 0 });
const messages = [{ role: "user", content: "senior python engineer, remote" }];
const tools = [
  {
    type: "function",
    function: {
      name: "find_candidates",
      parameters: { type: "object", properties: { skill: { type: "string" } }, required: ["skill"] },
    },
  },
];
const forced = { tools, tool_choice: { type: "function", function: { name: "find_candidates" } } };
const endless = { temperature: 0, frequency_penalty: -2 }; // the model repeats itself up to max_tokens

const scenarios = {
  async whole() {
    const { data, response } = await client.chat.completions
      .create({ model, messages, max_tokens: 8 })
      .withResponse();
    return {
      text: data.choices[0].message.content,
      ending: data.choices[0].finish_reason,
      tokens: data.usage.completion_tokens,
      candidate: response.headers.get("x-adept-candidate"),
    };
  },

  async streamed() {
    const stream = await client.chat.completions.create({
      model,
      messages,
      max_tokens: 8,
      stream: true,
      stream_options: { include_usage: true },
    });
    const seen = { text: "", chunks: 0, ending: null, tokens: null };
    for await (const chunk of stream) {
      seen.chunks += 1;
      seen.text += chunk.choices[0]?.delta?.content ?? "";
      seen.ending = chunk.choices[0]?.finish_reason ?? seen.ending;
      seen.tokens = chunk.usage?.completion_tokens ?? seen.tokens;
    }
    return seen;
  },

  async tools() {
    const first = await client.chat.completions.create({ model, messages, max_tokens: 64, ...forced });
    const { message, finish_reason: ending } = first.choices[0];
    const call = message.tool_calls[0];
    const result = { role: "tool", tool_call_id: call.id, content: "nobody" };
    const second = await client.chat.completions.create({
      model,
      messages: [...messages, message, result],
      max_tokens: 8,
    });
    return { ...called(call), ending, text: second.choices[0].message.content };
  },

  async tools_streamed() {
    const runner = client.chat.completions.stream({ model, messages, max_tokens: 64, ...forced });
    const { message, finish_reason: ending } = (await runner.finalChatCompletion()).choices[0];
    return { ...called(message.tool_calls[0]), ending };
  },

  async unknown_model() {
    return failure(client.chat.completions.create({ model: "no-such-use-case", messages }));
  },

  async wrong_key() {
    return failure(new OpenAI({ maxRetries: 0, apiKey: "wrong" }).models.list());
  },

  async bad_value() {
    return failure(client.chat.completions.create({ model, messages, temperature: 3 }));
  },

  async failed() {
    return failure(client.chat.completions.create({ model, messages, max_tokens: 8 }));
  },

  async failed_streamed() {
    return failure(client.chat.completions.create({ model, messages, max_tokens: 8, stream: true }));
  },

  async aborted() {
    const max_tokens = Number(process.env.MAX_TOKENS);
    const { data: stream, request_id } = await client.chat.completions
      .create({ model, messages, max_tokens, stream: true, ...endless })
      .withResponse();
    let chunks = 0;
    for await (const _ of stream) {
      chunks += 1;
      stream.controller.abort();
    }
    return { chunks, request_id };
  },
};

function called(call) {
  return { id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) };
}

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    const { status, code, type, param, message } = error;
    return { kind: error.constructor.name, status, code, type, param, message };
  }
  return { kind: null };
}

console.log(JSON.stringify(await scenarios[process.argv[2]]()));
