//go:build tools

// Package controlplane pins the modules whose CustomResourceDefinition files the tests install;
// the imports keep them in go.mod, `go list -m -f {{.Dir}}` finds the files.
package controlplane

import (
	_ "istio.io/api/networking/v1"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
