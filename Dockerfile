# The server and the headless node in one image:
#   docker build -t centram .
#   docker run -p 9740:9740 -v centram:/data centram
#   docker run --network host -v centram-node:/data -e CENTRAM_JOIN='https://…/#join=…' centram node
# Behind a TLS proxy, or with --cert and --key: browsers give a page a GPU over HTTPS only (docs/hosting.md).

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
RUN npx vite build

FROM node:20-bookworm-slim
# A Vulkan driver for Intel and AMD GPUs and for the processor; that of NVIDIA comes with its container toolkit.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates libvulkan1 mesa-vulkan-drivers tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build --chown=root:root /app /app
ENV NODE_ENV=production XDG_DATA_HOME=/data XDG_CACHE_HOME=/data/cache CENTRAM_HOST=0.0.0.0 CENTRAM_OPEN=no \
  NODE_OPTIONS=--max-semi-space-size=32
RUN mkdir -p /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 9740
# 15 s to hand over what is held for others, and a little more.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "node", "signaling-server/cli/centram.js"]
CMD ["start"]
