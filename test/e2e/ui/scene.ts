// Shows the pages over a fake node, in the scene that the address names.

import '../../../web/node/trusted-types.ts'
import { CentramApp } from '../../../web/app.ts'
import { createFakeNode } from './fake-node.ts'

const app = document.querySelector('centram-app')
if (app instanceof CentramApp) app.attach(createFakeNode(new URLSearchParams(location.search).get('scene') ?? 'alone'))
