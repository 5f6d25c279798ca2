FROM node:24.21.0-slim AS dependencies
WORKDIR /songbird
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-slim
ENV NODE_ENV=production
WORKDIR /songbird
COPY --from=dependencies /songbird/node_modules node_modules
COPY package.json ./
COPY src src
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["node", "src/main.ts"]
