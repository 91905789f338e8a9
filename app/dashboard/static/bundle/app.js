import{A as L,B as D,C as Le,D as m,a as F,b as $e,c as x,d as Oe,e as z,f as ae,g as Q,h as c,i as o,j as ze,k as oe,l as De,m as k,n as y,o as Me,p as Be,q as de,r as Ne,s as ne,t as pe,u as C,v as r,w as Te,x as V,y as fe,z as T}from"./chunk-O3NOKT76.js";var g=Q(null),d=Q(null);async function Ue(){d.value=await k("/config")}var gt=["zakat"],ht=()=>document.cookie.includes("csrf-token=");async function _e(){try{g.value=ht()?await k("/auth/me"):null}catch{g.value=null}}async function ge(e){g.value=(await y("/auth/login",e)).user}async function He(e){await y("/auth/register",e),await ge({email:e.email,password:e.password})}async function Ge(){await y("/auth/logout");for(let e of gt)ne(e,null);g.value=null}var W=Q([]),vt=6e3;function I(e){let t={text:e};W.value=[...W.value,t],setTimeout(()=>W.value=W.value.filter(a=>a!==t),vt)}var Ze=()=>o`<div class="toasts" role="status" aria-live="polite">${W.value.map(({text:e})=>o`<p>${e}</p>`)}</div>`;function p({name:e,label:t,hint:a,errors:n={},as:s="input",prefix:i,children:l,...u}){let f=ae(),O=n[e],ee=[a&&`${f}-hint`,O&&`${f}-error`].filter(Boolean).join(" "),te=o`<${s} id=${f} name=${e} aria-invalid=${O?"true":void 0}
    aria-describedby=${ee||void 0} ...${u}>${l}</${s}>`;return o`<div class="field">
    <label for=${f}>${t}</label>
    ${i?o`<div class="prefixed"><span aria-hidden="true">${i}</span>${te}</div>`:te}
    ${a&&o`<small id=${`${f}-hint`}>${a}</small>`}
    ${O&&o`<p class="error" id=${`${f}-error`}>${O}</p>`}
  </div>`}var M=({currency:e,...t})=>o`<${p} inputmode="decimal" autocomplete="off" dir="ltr" prefix=${e} ...${t} />`,U=({options:e,value:t,...a})=>o`<${p} as="select" value=${t} ...${a}>
    ${e.map(([n,s])=>o`<option value=${n} selected=${n===t}>${s}</option>`)}
  </${p}>`;function qe({label:e,...t}){return o`<label class="check"><input type="checkbox" ...${t} /> <span>${e}</span></label>`}function Ke({label:e,name:t,options:a,value:n,onChange:s}){return o`<fieldset class="choice">
    <legend>${e}</legend>
    ${a.map(([i,l])=>o`<label class=${i===n?"chosen":""}>
        <input type="radio" name=${t} value=${i} checked=${i===n} onChange=${()=>s(i)} />
        <span>${l}</span>
      </label>`)}
  </fieldset>`}function P(e){return e.replace(/[٠-٩]/g,a=>a.charCodeAt(0)-1632).replace(/٫/g,".").replace(/[,٬\s]/g,"")}function Y(e){return e instanceof oe?e.code==="OFFLINE"?r("error-offline"):e.code==="RATE_LIMITED"?r("error-busy",{seconds:e.retryAfter||60}):e.message||r("error-unexpected"):r("error-unexpected")}function v(e){let t=c(null),a=c(!1);return{submit:async s=>{if(s?.preventDefault(),!a.value){a.value=!0;try{await e(),t.value=null}catch(i){t.value=i}finally{a.value=!1}}},error:t.value,errors:t.value?.fields||{},isSending:a.value}}function _({error:e}){let t=Oe();if(x(()=>{e&&t.current?.focus()},[e]),!e)return null;let a=Object.entries(e.fields||{}),n=s=>i=>{i.preventDefault(),t.current.closest("form")?.elements.namedItem(s)?.focus()};return o`<div class="summary" role="alert" tabindex="-1" ref=${t}>
    <p><strong>${Y(e)}</strong></p>
    ${a.length>0&&o`<ul>
      ${a.map(([s,i])=>o`<li><a href=${`#${s}`} onClick=${n(s)}>${bt(t,s)}${i}</a></li>`)}
    </ul>`}
  </div>`}function bt(e,t){let n=(document.forms[0]&&[...document.forms].map(s=>s.elements.namedItem(t)).find(Boolean))?.labels?.[0]?.textContent;return n?`${n}: `:""}var R=({isSending:e,children:t})=>o`<button type="submit" aria-busy=${e?"true":void 0} aria-disabled=${e}>${t}</button>`;var yt=[["/dashboard","nav-projects"],["/dashboard/zakat","nav-zakat"],["/dashboard/murabaha","nav-murabaha"]],wt={user:[["/dashboard/account","nav-account"]],officer:[["/dashboard/account","nav-account"],["/dashboard/staff","nav-staff"]],admin:[["/dashboard/account","nav-account"],["/dashboard/staff","nav-staff"],["/dashboard/admin","nav-admin"]]},B=({to:e,isGroup:t,children:a})=>{let n=T.value===e||t&&T.value.startsWith(`${e}/`);return o`<a href=${e} aria-current=${n?"page":void 0}>${a}</a>`};function he({links:e,children:t}){return o`
    <a class="skip" href="#content">${r("skip")}</a>
    <header>
      <a class="brand" href="/dashboard">
        ${d.value.logoUrl&&o`<img src="/api/logo" alt="" height="36" />`}
        <strong>${d.value.name}</strong>
      </a>
      <nav aria-label=${r("nav")}>
        ${yt.map(([a,n])=>o`<${B} to=${a}>${r(n)}</${B}>`)}
        ${(wt[g.value?.role]||[]).map(([a,n])=>o`<${B} to=${a} isGroup>${r(n)}</${B}>`)}
      </nav>
      <${xt} />
    </header>
    <main id="content">
      ${d.value.testMode&&o`<p class="banner">${r("test-mode")}</p>`}
      ${!ze.value&&o`<p class="banner warning" role="alert">${r("offline")}</p>`}
      ${e?.length>1&&o`<nav class="sub" aria-label=${r("nav-group")}>${e.map(([a,n])=>o`<${B} to=${a}>${r(n)}</${B}>`)}</nav>`}
      ${t}
    </main>
    <footer><${kt} />
      <p><a href="/api/docs">${r("for-developers")}</a></p>
      <p>${r("no-fatwa")}</p>
    </footer>
    <${Ze} />`}function xt(){let e=async()=>{try{await Ge(),I(r("signed-out")),D("/dashboard")}catch(t){I(Y(t))}};return g.value?o`<div class="account">
    <bdi>${g.value.name}</bdi>
    <button type="button" class="plain" onClick=${e}>${r("sign-out")}</button>
  </div>`:o`<div class="account"><${B} to="/dashboard/sign-in">${r("sign-in")}</${B}></div>`}function kt(){let e=c(Be("scheme")||""),t=async s=>{de("language",s.target.value),await V(s.target.value)},a=s=>{e.value=s.target.value,de("scheme",e.value),e.value?document.documentElement.dataset.theme=e.value:delete document.documentElement.dataset.theme},n=d.value.languages.filter(s=>s in pe);return o`<div class="preferences">
    <label>${r("language")}
      <select name="language" onChange=${t}>
        ${n.map(s=>o`<option value=${s} lang=${s} selected=${s===C.value}>${pe[s]}</option>`)}
      </select>
    </label>
    <label>${r("scheme")}
      <select name="scheme" onChange=${a}>
        ${["","light","dark"].map(s=>o`<option value=${s} selected=${s===e.value}>${r(`scheme-${s||"system"}`)}</option>`)}
      </select>
    </label>
  </div>`}var j=({lines:e=3,height:t})=>o`<div class=${`skeleton ${t||""}`} role="status" aria-label=${r("loading")}>
    ${Array.from({length:e},()=>o`<span></span>`)}
  </div>`,A=({error:e,onRetry:t})=>o`<div class="summary" role="alert">
    <p><strong>${Y(e)}</strong></p>
    ${t&&o`<button type="button" class="secondary" onClick=${t}>${r("try-again")}</button>`}
  </div>`,w=({title:e,children:t})=>o`<div class="empty"><p><strong>${e}</strong></p><p>${t}</p></div>`;function Qe({label:e,value:t,text:a}){let n=ae();return o`<div class="progress">
    <span id=${n} class="hidden">${e}</span>
    <progress value=${Math.min(t,1)} max="1" aria-labelledby=${n}></progress>
    <small>${a}</small>
  </div>`}var Re={};F(Re,{pages:()=>nr});var ve={};F(ve,{default:()=>Ve,title:()=>St});function b({title:e,intro:t,form:a,action:n,children:s,links:i}){return o`<div class="narrow">
    <${m} intro=${t}>${e}</${m}>
    <form onSubmit=${a.submit} novalidate>
      <${_} error=${a.error} />
      ${s}
      <${R} isSending=${a.isSending}>${n}</${R}>
    </form>
    ${i}
  </div>`}var H=e=>o`<${p} type="email" name="email" label=${r("email")} autocomplete="username" dir="ltr" ...${e} />`,G=e=>o`<${p} type="password" name="password" label=${r("password")} autocomplete="current-password" dir="ltr" ...${e} />`;function se(){let e=new URLSearchParams(location.hash.slice(1)).get("token")||"";return e&&history.replaceState(null,"",location.pathname),e}var St="confirm-email";function Ve(){let e=z(se,[]),t=c(null),a=v(async()=>{t.value=(await y("/auth/email/confirm",{token:e})).email});return t.value?o`<div class="narrow" role="status"><${m} intro=${r("confirm-done-intro",{email:t.value})}>${r("confirm-done")}</${m}><p><a href="/dashboard/sign-in">${r("sign-in")}</a></p></div>`:o`<${b} title=${r("confirm-email")} intro=${r("confirm-intro")} form=${a} action=${r("confirm-email")} />`}var be={};F(be,{default:()=>We,title:()=>Ft});var Ft="forgot-password";function We(){let e=c(""),t=c(!1),a=v(async()=>{await De("POST","/auth/password/forgot",{body:{email:e.value}}),t.value=!0});if(t.value)return o`<div class="narrow" role="status"><${m} intro=${r("forgot-sent-intro")}>${r("forgot-sent")}</${m}></div>`;let n=o`<p><a href="/dashboard/sign-in">${r("have-account")}</a></p>`;return o`<${b} title=${r("forgot-password")} intro=${r("forgot-intro")} form=${a} action=${r("forgot-send")} links=${n}>
    <${H} value=${e.value} onInput=${s=>e.value=s.target.value} errors=${a.errors} />
  </${b}>`}var ke={};F(ke,{default:()=>Xe,title:()=>Ct});var $=({title:e,level:t=2,children:a,footer:n,...s})=>o`<article ...${s}>
    ${e&&o`<${`h${t}`}>${e}</${`h${t}`}>`}
    ${a}
    ${n&&o`<footer>${n}</footer>`}
  </article>`,Z=({items:e})=>o`<dl class="figures">
    ${e.map(([t,a])=>o`<div><dt>${t}</dt><dd>${a}</dd></div>`)}
  </dl>`;function J({label:e,parts:t,first:a=1}){let n=t.reduce((l,u)=>l+u.value,0)||1,s=0,i=t.map((l,u)=>{let f=l.value/n*100,O=o`<rect class=${`series-${u+a}`} x=${s} y="0" width=${f} height="8" />`;return s+=f,O});return o`<figure class="chart">
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${e}>${i}</svg>
    <figcaption>
      ${t.map((l,u)=>o`<span class="key"><svg viewBox="0 0 8 8" aria-hidden="true"><rect class=${`series-${u+a}`} width="8" height="8" /></svg>${l.name} <strong>${l.text}</strong></span>`)}
    </figcaption>
  </figure>`}function ye({label:e,value:t,mark:a}){return o`<svg class="marked-bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${e}>
    <rect class="track" x="0" y="2" width="100" height="6" />
    <rect class="series-1" x="0" y="2" width=${Math.max(0,Math.min(t,1))*100} height="6" />
    <rect class="mark" x=${Math.max(0,Math.min(a,1))*99.4} y="0" width="0.6" height="10" />
  </svg>`}var ie=(e="")=>`${C.value}-u-nu-latn${e}`;function h(e,t){let a=new Intl.NumberFormat(ie(),{style:"currency",currency:t}).format(e);return C.value==="ar"?`\u2066${a.replace(/[\u200e\u200f\u061c]/g,"")}\u2069`:a}var we=(e,t)=>new Intl.NumberFormat(ie(),t).format(e),q=(e,t=0)=>we(e,{style:"percent",maximumFractionDigits:t});function S(e,t={dateStyle:"medium"}){let a=e.length===10;return new Intl.DateTimeFormat(ie("-ca-gregory"),a?{timeZone:"UTC",...t}:t).format(new Date(e))}var Ye=e=>new Intl.DateTimeFormat(ie("-ca-islamic-umalqura"),{day:"numeric",month:"long",year:"numeric",timeZone:"UTC"}).format(new Date(e)),Je=e=>new Intl.DisplayNames([C.value],{type:"currency"}).of(e);var xe=e=>new Intl.DateTimeFormat("en-CA",{timeZone:e}).format(new Date);var le=e=>o`<${U} name="currency" label=${r("currency")} options=${d.value.currencies.map(t=>[t,`${t} \xB7 ${Je(t)}`])} ...${e} />`;var Ct="murabaha";function Pt(e){let t=Number(P(e));return e.trim()===""||Number.isNaN(t)?e:String(Number((t/100).toFixed(8)))}function Xe(){let e=c({cost:"",profitRate:"15",termMonths:"12",downPayment:"",currency:d.value.defaultCurrency}),t=c(null),{cost:a,profitRate:n,termMonths:s,downPayment:i,currency:l}=e.value,u=E=>e.value={...e.value,[E.target.name]:E.target.value},{submit:f,error:O,errors:ee,isSending:te}=v(async()=>{let E={cost:P(a),profitRate:Pt(n),termMonths:Number(s),currency:l};i&&(E.downPayment=P(i)),t.value=await y("/murabaha/quotes",E)}),re=E=>({name:E,label:r(`murabaha-${E}`),value:e.value[E],onInput:u,errors:ee});return o`<${m} intro=${r("murabaha-intro")}>${r("murabaha")}</${m}>
    <div class="columns">
      <form onSubmit=${f} novalidate>
        <${_} error=${O} />
        <${le} value=${l} onChange=${u} errors=${ee} />
        <${M} currency=${l} ...${re("cost")} />
        <${M} currency=${l} hint=${r("optional")} ...${re("downPayment")} />
        <${p} inputmode="decimal" dir="ltr" prefix="%" hint=${r("profit-hint")} ...${re("profitRate")} />
        <${p} type="number" min="6" max="60" ...${re("termMonths")} hint=${r("term-hint")} />
        <${R} isSending=${te}>${r("murabaha-show")}</${R}>
      </form>
      <section aria-live="polite">${t.value?o`<${At} quote=${t.value} />`:o`<${w} title=${r("no-quote")}>${r("no-quote-hint")}</${w}>`}</section>
    </div>`}function At({quote:e}){let t=l=>h(l,e.currency),a=(l,u)=>({name:r(`murabaha-${l}`),value:u,text:t(u)}),n=[a("cost",e.cost),a("profit",e.profit)],s=[a("paid",e.downPayment),a("left",e.financed)],i=l=>l.map(({name:u,text:f})=>`${u} ${f}`).join(", ");return o`<${$} title=${r("murabaha-offer")}>
    <${Z} items=${[[r("murabaha-price"),t(e.sellingPrice)],[r("murabaha-rate"),q(e.profitRate,2)]]} />
    <${J} label=${i(n)} parts=${n} />
    <${J} label=${i(s)} parts=${s} first=${3} />
    <p>${r("murabaha-fixed")}</p>
    <h3>${r("schedule")}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${r("schedule")}><table>
      <thead><tr><th scope="col">${r("number")}</th><th scope="col">${r("due-date")}</th><th scope="col" class="number">${r("amount")}</th></tr></thead>
      <tbody>${e.installments.map(l=>o`<tr><td>${l.number}</td><td>${S(l.dueDate)}</td><td class="number">${t(l.amount)}</td></tr>`)}</tbody>
    </table></div>
  </${$}>`}var Se={};F(Se,{default:()=>rt,title:()=>Et});var et=["education","healthcare","mosque","water","orphanage","general"],ce=({project:e})=>o`<${Qe} label=${r("progress-of",{name:e.name})} value=${e.progress}
    text=${o`<span>${r("raised-of",{raised:h(e.raised,e.currency),goal:h(e.fundingGoal,e.currency),percent:q(e.progress)})}</span>
      <span>${r("donors",{count:e.donorCount})}</span>`} />`,tt=({gift:e})=>o`<li>
    <strong>${h(e.amount,e.currency)}</strong>
    <bdi>${e.donorName||r("anonymous")}</bdi>
    <time datetime=${e.createdAt}>${S(e.createdAt)}</time>
  </li>`;function N(e,t=[]){let a=c(null),n=c(null),s=c(!0),i=c(0);return x(()=>{let l=new AbortController;return s.value=!0,e(l.signal).then(u=>{l.signal.aborted||([a.value,n.value,s.value]=[u,null,!1])},u=>{l.signal.aborted||([n.value,s.value]=[u,!1])}),()=>l.abort()},[...t,i.value]),{value:a.value,error:n.value,isLoading:s.value,reload:()=>i.value++}}var Et="project";function rt({id:e}){let t=N(l=>k(`/waqf/projects/${encodeURIComponent(e)}`,{},{signal:l}),[e]);if(t.error)return o`<${m}>${r("project")}</${m}><${A} error=${t.error} onRetry=${t.reload} />`;if(!t.value)return o`<${j} lines=${8} />`;let{name:a,description:n,category:s,active:i}=t.value;return o`<p><a href="/dashboard">${r("to-projects")}</a></p>
    <p class="tag">${r(`category-${s}`)}${!i&&` \xB7 ${r("closed")}`}</p>
    <${m} intro=${o`<span dir="auto">${n}</span>`}><bdi>${a}</bdi></${m}>
    <${ce} project=${t.value} />
    <${It} id=${e} />`}function It({id:e}){let t=c({from:"",to:""}),a=c(10),n={...t.value,limit:a.value},s=N(l=>k(`/waqf/projects/${encodeURIComponent(e)}/ledger`,n,{signal:l}),[t.value,a.value]),i=l=>t.value={...t.value,[l.target.name]:l.target.value};return o`<${$} title=${r("ledger")}>
    <p>${r("ledger-intro")}</p>
    <div class="filters">
      ${["from","to"].map(l=>o`<${p} type="date" name=${l} label=${r(l)} value=${t.value[l]} onChange=${i} errors=${s.error?.fields} />`)}
    </div>
    ${s.error&&o`<${A} error=${s.error} onRetry=${s.reload} />`}
    ${!s.value&&!s.error&&o`<${j} lines=${8} />`}
    ${s.value&&o`<${Rt} ledger=${s.value} /><${jt} ledger=${s.value} />`}
    ${s.value?.entries.pagination.next&&a.value<100&&o`<button type="button" class="secondary" onClick=${()=>a.value=Math.min(a.value*2,100)}>${r("more")}</button>`}
  </${$}>`}function Rt({ledger:e}){let t=s=>h(s,e.currency),n=[["refunded",e.refunded],["spent",e.disbursed],["balance",e.balance]].map(([s,i])=>({name:r(s),value:Math.max(i,0),text:t(i)}));return o`<${Z} items=${[[r("received"),t(e.received)]]} />
    <${J} label=${n.map(s=>`${s.name} ${s.text}`).join(", ")} parts=${n} />`}function jt({ledger:e}){let{data:t}=e.entries;return t.length?o`<div class="scroll" tabindex="0" role="region" aria-label=${r("entries")}><table>
    <thead><tr><th scope="col">${r("date")}</th><th scope="col">${r("entry")}</th><th scope="col" class="number">${r("amount")}</th></tr></thead>
    <tbody>${t.map(a=>o`<tr>
      <td>${S(a.date)}</td>
      <td>${r(`entry-${a.kind}`)} · <bdi>${a.recipient||a.donorName||r("anonymous")}</bdi>${a.purpose&&o`<br /><small dir="auto">${a.purpose}</small>`}</td>
      <td class="number">${h(a.amount,e.currency)}</td>
    </tr>`)}</tbody>
  </table></div>`:o`<${w} title=${r("no-entries")}>${r("no-entries-hint")}</${w}>`}var Fe={};F(Fe,{default:()=>at,title:()=>Ot});var Ot="projects",zt=3;function at(){let e=c(""),t=c(12),a={category:e.value,limit:t.value},n=N(l=>k("/waqf/projects",a,{signal:l}),[e.value,t.value]),s=[["",r("all-categories")],...et.map(l=>[l,r(`category-${l}`)])],i=l=>e.value=l.target.value;return o`<${m} intro=${r("projects-intro")}>${r("projects")}</${m}>
    <div class="filters"><${U} name="category" label=${r("category")} options=${s} value=${e.value} onChange=${i} /></div>
    <${Dt} projects=${n} onMore=${()=>t.value=Math.min(t.value+12,100)} />`}function Dt({projects:{value:e,error:t,isLoading:a,reload:n},onMore:s}){return t?o`<${A} error=${t} onRetry=${n} />`:e?e.data.length?o`<div class="cards" aria-busy=${a?"true":void 0}>${e.data.map(i=>o`<${Mt} key=${i.id} project=${i} />`)}</div>
    ${e.pagination.next&&o`<p><button type="button" class="secondary" onClick=${s}>${r("more")}</button></p>`}`:o`<${w} title=${r("no-projects")}>${r("no-projects-hint")}</${w}>`:o`<div class="cards">${[1,2,3].map(()=>o`<article><${j} lines=${8} /></article>`)}</div>`}function Mt({project:e}){let t=`/dashboard/projects/${e.id}`,a=o`<a href=${t} aria-label=${`${r("open-ledger")}: ${e.name}`}>${r("open-ledger")}</a>`;return o`<${$} class="project" footer=${a}>
    <p class="tag">${r(`category-${e.category}`)}${!e.active&&` \xB7 ${r("closed")}`}</p>
    <h2><a href=${t}><bdi>${e.name}</bdi></a></h2>
    <p dir="auto">${e.description}</p>
    <${ce} project=${e} />
    <${Bt} project=${e} />
  </${$}>`}function Bt({project:e}){let t=N(a=>k(`/waqf/projects/${e.id}/donations`,{limit:zt},{signal:a}),[e.id]);return t.error?null:o`<div class="gifts"><h3>${r("last-gifts")}</h3>
    ${!t.value&&o`<${j} lines=${1} />`}
    ${t.value?.data.length===0&&o`<p>${r("no-gifts")}</p>`}
    <ul>${t.value?.data.map(a=>o`<${tt} gift=${a} />`)}</ul></div>`}var Pe={};F(Pe,{default:()=>nt,title:()=>Tt});var Ce={};F(Ce,{default:()=>ot,nextPage:()=>ue,title:()=>Nt});var Nt="sign-in";function ue(){let e=new URLSearchParams(L.value).get("next")||"";return/^\/dashboard(\/|$)/.test(e)?e:"/dashboard"}function ot(){let e=c({email:"",password:"",code:""}),t=c(!1),a=l=>e.value={...e.value,[l.target.name]:l.target.value},n=v(async()=>{let{code:l,...u}=e.value;try{await ge(t.value?{...u,code:l.trim()}:u)}catch(f){throw t.value||=f.code==="SECOND_FACTOR_REQUIRED",f}I(r("signed-in")),D(ue(),{replace:!0})}),s=l=>({value:e.value[l],onInput:a,errors:n.errors}),i=o`<p><a href="/dashboard/forgot-password">${r("forgot-password")}</a></p><p><a href=${`/dashboard/register${L.value}`}>${r("register")}</a></p>`;return o`<${b} title=${r("sign-in")} form=${n} action=${r("sign-in")} links=${i}>
    <${H} ...${s("email")} />
    <${G} ...${s("password")} />
    ${t.value&&o`<${p} name="code" label=${r("code")} hint=${r("code-hint")} inputmode="numeric" autocomplete="one-time-code" dir="ltr" ...${s("code")} />`}
  </${b}>`}var Tt="register";function nt(){let e=c({name:"",email:"",password:""}),t=i=>e.value={...e.value,[i.target.name]:i.target.value},a=v(async()=>{await He(e.value),I(r("registered")),D(ue(),{replace:!0})}),n=i=>({value:e.value[i],onInput:t,errors:a.errors}),s=o`<p><a href=${`/dashboard/sign-in${L.value}`}>${r("have-account")}</a></p>`;return o`<${b} title=${r("register")} form=${a} action=${r("register")} links=${s}>
    <${p} name="name" label=${r("name")} autocomplete="name" dir="auto" ...${n("name")} />
    <${H} ...${n("email")} />
    <${G} autocomplete="new-password" hint=${r("password-hint")} ...${n("password")} />
  </${b}>`}var Ae={};F(Ae,{default:()=>st,title:()=>Lt});var Lt="reset-password";function st(){let e=z(se,[]),t=c(""),a=c(!1),n=v(async()=>{await y("/auth/password/reset",{token:e,newPassword:t.value}),g.value=null,a.value=!0});if(a.value)return o`<div class="narrow" role="status"><${m} intro=${r("reset-done-intro")}>${r("reset-done")}</${m}><p><a href="/dashboard/sign-in">${r("sign-in")}</a></p></div>`;let s=o`<p><a href="/dashboard/forgot-password">${r("new-link")}</a></p>`;return o`<${b} title=${r("reset-password")} form=${n} action=${r("reset-password")} links=${s}>
    <${G} name="newPassword" label=${r("new-password")} autocomplete="new-password" hint=${r("password-hint")} value=${t.value} onInput=${i=>t.value=i.target.value} errors=${n.errors} />
  </${b}>`}var Ie={};F(Ie,{default:()=>$t,title:()=>Vt});var Ut=864e5;function it({calculation:e}){let{wealth:t,nisab:a,zakatAmount:n,currency:s}=e,i=l=>h(l,s);return o`<${$} title=${r("zakat-sum")}>
    <p class="total" role="status">${i(n)}</p>
    <p>${_t(e)}</p>
    <${Z} items=${[[r("zakat-wealth"),i(t)],...a===null?[]:[[r("nisab"),i(a)]]]} />
    ${a!==null&&o`<${ye} label=${r("nisab-bar",{wealth:i(t),nisab:i(a)})} value=${t/(2*a||1)} mark=${.5} />`}
    ${e.hawlStartedOn&&o`<${Ht} calculation=${e} />`}
  </${$}>`}function _t({eligible:e,wealth:t,nisab:a,hawlCompletesOn:n,zakatAmount:s,breakdown:i}){return n&&n>xe(d.value.timeZone)?r("hawl-running",{day:S(n)}):i?.some(l=>l.due.length)&&s===0?r("zakat-animals-due"):e?r("zakat-due"):a!==null&&t<a?r("below-nisab"):r("zakat-nothing-due")}function Ht({calculation:{hawlStartedOn:e,hawlCompletesOn:t}}){let[a,n,s]=[e,t,xe(d.value.timeZone)].map(u=>Date.parse(u)),i=(s-a)/(n-a),l=r("hawl-bar",{start:S(e),end:S(t),days:Math.max(0,Math.round((n-s)/Ut))});return o`<h3>${r("hawl")}</h3>
    <${ye} label=${l} value=${i} mark=${i} />
    <div class="ends">${[e,t].map(u=>o`<span>${S(u)}<br /><small>${Ye(u)}</small></span>`)}</div>
    <p><small>${l}</small></p>`}function lt({calculation:{breakdown:e,currency:t}}){return o`<${$} title=${r("zakat-lines")}>
    <ul class="lines">${e.map(a=>o`<li>
      <div><strong>${r(`asset-${a.category}`)}${a.label&&o` · <bdi>${a.label}</bdi>`}</strong>
        <span>${r("counts",{amount:h(a.counted,t)})}</span>
        <span>${a.due.length?a.due.map(({animal:n,count:s})=>`${we(s)} \xD7 ${r(`animal-${n}`)}`).join(", "):`${q(a.rate,3)} \u2192 ${h(a.zakat,t)}`}</span></div>
      <small><span dir="auto">${a.rule}</span><br />${r("source")}: <cite dir="auto">${a.source}</cite></small>
    </li>`)}</ul>
  </${$}>`}var me={money:["cash","bank","crypto"],metals:["gold","silver"],trade:["trade_goods","property_for_sale","receivable"],investments:["shares_trading","shares_long_term","retirement"],harvest:["crops","rikaz"],livestock:["camels","cattle","sheep"],other:["other"]},Gt=me.livestock,Zt={gold:{grams:"number",karat:"number",personalUse:"check"},silver:{grams:"number",fineness:"number",personalUse:"check"},receivable:{amount:"money",doubtful:"check"},crops:{amount:"money",kilograms:"number",watering:["rain","irrigated","mixed"]},camels:{count:"number"},cattle:{count:"number"},sheep:{count:"number"}},X=e=>Zt[e]||{amount:"money"},qt=e=>Object.keys(X(e))[0];function Ee(e){let t={currency:e.currency};if(e.mode==="known")return{body:{...t,wealth:P(e.wealth),nisab:P(e.nisab)},categories:[]};let a=Object.values(me).flat().filter(s=>e[`${s}.${qt(s)}`]?.trim()),n={...t,nisabBasis:e.nisabBasis,yearBasis:e.yearBasis,school:e.school};return n.assets=a.map(s=>Kt(s,e)),e.liabilities?.trim()&&(n.liabilities=[{amount:P(e.liabilities)}]),e.hawlStartedOn&&(n.hawlStartedOn=e.hawlStartedOn),{body:n,categories:a}}function Kt(e,t){let a=Gt.includes(e)?{category:"livestock",species:e}:{category:e};for(let[n,s]of Object.entries(X(e))){let i=t[`${e}.${n}`];n==="doubtful"?a.collectible=!i:s==="check"?a[n]=!!i:Array.isArray(s)?a[n]=i||s[0]:i?.trim()&&(a[n]=n==="count"?Qt(i):P(i))}return a}function Qt(e){let t=P(e);return/^\d+$/.test(t)?Number(t):t}var ct=({body:e})=>e.assets?e.assets.length>0:!!(e.wealth&&e.nisab);function ut(e,t){let a=n=>n.replace(/^assets\.(\d+)\./,(s,i)=>`${t[i]}.`).replace(/^liabilities\.0\.amount$/,"liabilities");return Object.fromEntries(Object.entries(e).map(([n,s])=>[a(n),s]))}var Vt="zakat",Wt=400,mt="zakat",Yt=()=>({mode:"itemised",currency:d.value.defaultCurrency,nisabBasis:d.value.nisabBasis,yearBasis:"lunar",school:"majority",wealth:"",nisab:"",...Ne(mt)});function $t(){let e=c(Yt()),t=(l,u)=>{e.value={...e.value,[l]:u},ne(mt,e.value)},{calculation:a,error:n,errors:s}=Jt(e.value),i={values:e.value,set:t,errors:s};return o`<${m} intro=${r("zakat-intro")}>${r("zakat")}</${m}>
    <div class="columns wide-first">
      <div>
        <${Ke} label=${r("zakat-way")} name="mode" value=${e.value.mode} onChange=${l=>t("mode",l)}
          options=${[["itemised",r("zakat-itemised")],["known",r("zakat-known")]]} />
        ${e.value.mode==="known"?o`<${Xt} form=${i} />`:o`<${er} form=${i} />`}
      </div>
      <section class="sum" aria-label=${r("zakat-sum")}>
        ${n&&(!Object.keys(s).length||s[""])&&o`<${A} error=${n} />`}
        ${a?o`<${it} calculation=${a} /><${or} values=${e.value} />`:o`<${w} title=${r("zakat-empty")}>${r("zakat-empty-hint")}</${w}>`}
      </section>
    </div>
    ${a?.breakdown&&o`<${lt} calculation=${a} />`}`}function Jt(e){let t=c({calculation:null,error:null,errors:{}}),a=z(()=>Ee(e),[e]);return x(()=>{if(!ct(a)){t.value={calculation:null,error:null,errors:{}};return}let n=new AbortController,s=setTimeout(async()=>{try{let i=await y("/zakat/calculate",a.body,{signal:n.signal});t.value={calculation:i,error:null,errors:{}}}catch(i){if(i.name==="AbortError")return;t.value={...t.value,error:i,errors:ut(i.fields||{},a.categories)}}},Wt);return()=>(clearTimeout(s),n.abort())},[a,C.value]),t.value}var K=({values:e,set:t,errors:a},n)=>({name:n,value:e[n]||"",errors:a,onInput:s=>t(n,s.target.value)}),dt=({form:e})=>o`<${le} value=${e.values.currency} errors=${e.errors} onChange=${t=>e.set("currency",t.target.value)} />`;function Xt({form:e}){let{currency:t}=e.values,a=N(i=>k("/zakat/nisab",{currency:t},{signal:i}).catch(l=>l.status===404?null:Promise.reject(l)),[t]),n=a.value?.currency===t?a.value[d.value.nisabBasis]:null;x(()=>{n&&!e.values.nisab&&e.set("nisab",String(n.nisab))},[n]);let s=n?r("nisab-today",{nisab:h(n.nisab,t)}):r("nisab-none");return o`<${$}>
    <${dt} form=${e} />
    <${M} currency=${t} label=${r("zakat-wealth")} hint=${r("zakat-wealth-hint")} ...${K(e,"wealth")} />
    <${M} currency=${t} label=${r("nisab")} hint=${s} ...${K(e,"nisab")} />
  </${$}>`}function er({form:e}){let t=n=>s=>e.set(n,s.target.value),a=(n,s)=>o`<${U} name=${n} label=${r(`zakat-${n}`)} value=${e.values[n]} errors=${e.errors}
    onChange=${t(n)} options=${s.map(i=>[i,r(`${n}-${i}`)])} />`;return o`<${dt} form=${e} />
    ${Object.entries(me).map(([n,s])=>o`<${tr} key=${n} name=${n} categories=${s} form=${e} />`)}
    <${$} title=${r("card-liabilities")}>
      <${M} currency=${e.values.currency} label=${r("liabilities-due")} hint=${r("liabilities-hint")} ...${K(e,"liabilities")} />
    </${$}>
    <${$} title=${r("card-rules")}>
      <${p} type="date" label=${r("hawl-started")} hint=${r("hawl-hint")} ...${K(e,"hawlStartedOn")} />
      ${a("nisabBasis",["gold","silver"])}
      ${a("yearBasis",["lunar","solar"])}
      ${a("school",["majority","hanafi"])}
    </${$}>`}function tr({name:e,categories:t,form:a}){let n=t.some(i=>Object.keys(X(i)).some(l=>a.values[`${i}.${l}`])),s=z(()=>e==="money"||n,[]);return o`<details class="category" open=${s}>
    <summary><h2>${r(`card-${e}`)}</h2></summary>
    ${t.map(i=>o`<${rr} key=${i} category=${i} form=${a} />`)}
  </details>`}function rr({category:e,form:t}){let a=Object.entries(X(e)),n=r(`asset-${e}`),s=a.map(([i,l])=>o`<${ar} category=${e} field=${i} kind=${l} form=${t} label=${a.length>1?r(`field-${i}`):n} />`);return a.length>1?o`<fieldset class="item"><legend>${n}</legend>${s}</fieldset>`:s}function ar({category:e,field:t,kind:a,form:n,label:s}){let i=`${e}.${t}`;return a==="check"?o`<${qe} name=${i} label=${s} checked=${!!n.values[i]} onChange=${l=>n.set(i,l.target.checked)} />`:Array.isArray(a)?o`<${U} name=${i} label=${s} value=${n.values[i]||a[0]} errors=${n.errors} onChange=${l=>n.set(i,l.target.value)} options=${a.map(l=>[l,r(`${t}-${l}`)])} />`:a==="money"?o`<${M} currency=${n.values.currency} label=${s} ...${K(n,i)} />`:o`<${p} inputmode="decimal" dir="ltr" autocomplete="off" label=${s} ...${K(n,i)} />`}function or({values:e}){let t=c(null),a=z(Me,[]),n=JSON.stringify(e),s=v(async()=>{let{body:i}=Ee(e);t.value={...await y("/zakat/calculations",i,{key:a(i)}),text:n},I(r("saved"))});return g.value?t.value?.text===n?o`<p role="status">${r("saved")} <a href=${`/api/zakat/calculations/${t.value.id}/report`} download>${r("download-pdf")}</a></p>`:o`<form onSubmit=${s.submit}><${_} error=${s.error} /><${R} isSending=${s.isSending}>${r("save")}</${R}></form>`:o`<p><a href="/dashboard/sign-in?next=/dashboard/zakat">${r("sign-in-to-save")}</a></p>`}var nr=[["/dashboard",Fe],["/dashboard/projects/:id",Se],["/dashboard/zakat",Ie],["/dashboard/murabaha",ke],["/dashboard/sign-in",Ce],["/dashboard/register",Pe],["/dashboard/forgot-password",be],["/reset-password",Ae],["/confirm-email",ve]];var pt="not-found";function je(){return o`<${m} intro=${r("not-found-intro")}>${r("not-found")}</${m}>
    <p><a href="/dashboard">${r("to-projects")}</a></p>`}var ir=[{name:"account",roles:["user","officer","admin"],load:()=>import("./account-HLL6X3OA.js")},{name:"staff",roles:["officer","admin"],load:()=>import("./staff-JJBJP3GR.js")},{name:"admin",roles:["admin"],load:()=>import("./admin-YY6KTOFF.js")}],lr={name:"public",load:async()=>Re};async function cr(e){let t=ir.find(({name:s})=>e.split("/")[2]===s)||lr;if(t.roles&&!g.value)return{Page:mr};if(t.roles&&!t.roles.includes(g.value.role))return ft;let[{pages:a,links:n}]=await Promise.all([t.load(),Te(t.name)]);for(let[s,{default:i,title:l}]of a){let u=Le(s,e);if(u)return{Page:i,title:l,params:u,links:n}}return ft}var ft={Page:je,title:pt},ur={Page:()=>o`<${A} error=${new oe(0,{})} onRetry=${()=>location.reload()} />`,title:"try-again"};function mr(){let e=encodeURIComponent(T.value+L.value);return x(()=>D(`/dashboard/sign-in?next=${e}`,{replace:!0}),[]),o`<${j} lines=${6} />`}function $r(){let e=c({}),t=T.value;x(()=>{cr(t).then(u=>{T.value===t&&(e.value={...u,address:t})},()=>e.value={...ur,address:t})},[t,g.value?.role]);let{Page:a,title:n,params:s,links:i,address:l}=e.value;return x(()=>{n&&(document.title=`${r(n)} \xB7 ${d.value.name}`)},[n,C.value]),o`<${he} links=${i}>${a?o`<${a} key=${l} ...${s} />`:o`<${j} lines=${6} />`}</${he}>`}async function dr(){let e=V(fe());try{await Promise.all([Ue(),_e(),e]),await V(fe(d.value.languages)),$e(o`<${$r} />`,document.body)}catch(t){await e.catch(()=>{}),$e(o`<main><${A} error=${t} onRetry=${()=>location.reload()} /></main>`,document.body)}}dr();
