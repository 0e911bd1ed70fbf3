import { eventConformance } from '../../../conformance/event.js'

eventConformance()
