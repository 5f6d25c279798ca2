# docs/install.md says how to build this for amd64 and arm64, with the same bytes each time. Nothing in it is made for one
# architecture: the operator is TypeScript as it is, and none of its packages has native code.
ARG NODE_IMAGE=node:24.21.0-slim

# The packages are the same on each architecture: they are installed once, on that of the builder.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS dependencies
WORKDIR /songbird
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/.package-lock.json

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /songbird
COPY --from=dependencies /songbird/node_modules node_modules
COPY package.json ./
COPY src src
USER 65532:65532
EXPOSE 8080 8081 8082
ENTRYPOINT ["node", "src/main.ts"]
