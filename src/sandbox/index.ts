/**
 * A Kubernetes cluster in memory: one model with two faces, in-process (`Cluster.client`) and HTTP (`startHttp`).
 */
export { Cluster, type ClusterOptions } from './cluster/cluster.ts';
export type { InProcessClient } from './cluster/client.ts';
export type { ControllerOptions } from './controllers/index.ts';
export type { PodBehaviour, PodBehaviourOf } from './controllers/pod-behaviour.ts';
export type { ApiRequest, ApiResult, ClusterEvent, EventFate, Interceptor } from './cluster/request.ts';
export { writeKubeconfig } from './http/kubeconfig.ts';
export { type HttpFace, type HttpOptions, startHttp } from './http/server.ts';
