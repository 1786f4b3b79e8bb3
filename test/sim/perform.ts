/** What each step means. */
import type { Node } from './node.ts'
import type { Page } from './page.ts'
import type { Step } from './steps.ts'
import type { World } from './world.ts'

export function perform(world: World, step: Step): unknown {
  if ('page' in step) return onPage(world, at(world.pages, step.page), step)
  if ('node' in step) return onNode(world, at(world.nodes, step.node), step)
  const { network, mesh } = world
  switch (step.do) {
    case 'toServer':
      return network.toServer(step.link)
    case 'pushPast':
      return network.toServer(step.link, 'past back-pressure')
    case 'toClient':
      return network.toClient(step.link)
    case 'connect':
      return network.connect(step.link, step.works > 0)
    case 'notice':
      return network.notice(step.link, step.end)
    case 'cut':
      return network.cut(step.link, step.up, step.down)
    case 'skipGet':
      return network.skipGet(step.link, step.frames)
    case 'doublePost':
      return network.doublePost(step.link, step.frames)
    case 'retry':
      return network.retry(step.link, step.ms)
    case 'drain':
      return network.drain(step.link, step.ms)
    case 'bus':
      return mesh.move(step.nth, step.bytes)
    case 'dial':
      return mesh.dial(step.nth)
    case 'noticeBus':
      return mesh.notice(step.nth)
    case 'cutBus':
      return mesh.cut(step.nth, step.bytes)
    case 'pass':
    case 'sleep':
      return world.pass(step.ms)
  }
}

function onPage(world: World, page: Page, step: Extract<Step, { page: number }>): unknown {
  switch (step.do) {
    case 'emit':
      return page.emit(step.word, step.room, step.size, step.form, step.asks === 1)
    case 'wave':
      return page.emitVolatile(world.app.newVolatile())
    case 'bye':
      return page.emit('bye', 'a', 0, 'text', false)
    case 'reply':
      return page.reply()
    case 'lateHello':
      return world.network.lateHello(page, step.nth)
    case 'check':
      return page.check()
    case 'away':
      return page.away()
    case 'back':
      return page.back()
    case 'closePage':
      return page.close()
    case 'newPage':
      return world.newPage(page)
    case 'copyPage':
      return world.copyPage(page)
  }
}

function onNode(world: World, node: Node, step: Extract<Step, { node: number }>): unknown {
  switch (step.do) {
    case 'commit':
      return node.commit()
    case 'finish':
      return node.finish(step.nth)
    case 'announce':
      return world.mesh.announce(node)
    case 'restart':
      return world.restart(node)
    case 'setClock':
      return world.setClock(node, step.ms)
  }
}

function at<T>(items: readonly T[], nth: number): T {
  return items[nth % items.length]!
}
