import{B as me,C as le,D as S,E as T,G as p,J as H,K as x,a as B,b as G,h as I,j as D,k as ie,l as z,o as se,q as E,r as M,s as L,t as g,u as w,v as h,x as C,y as j}from"./chunk-4XV2A2YS.js";import{E as u,a as R,c as N,d as ee,e as re,f as te,h as f,i as t,l as ae,m as v,n as q,o as oe,p as ne,w as e}from"./chunk-VZEDRTUT.js";var Y={};R(Y,{default:()=>de,title:()=>xe});function k({list:r,empty:o,hint:s,children:a}){let{rows:i,error:m,reload:l,more:n,isLoading:d}=r;return m?t`<${w} error=${m} onRetry=${l} />`:i?i.length?t`<div aria-busy=${d?"true":void 0}>${a(i)}</div>
    ${n&&t`<p><button type="button" class="secondary" onClick=${n}>${e("more")}</button></p>`}`:t`<${h} title=${o}>${s}</${h}>`:t`<${g} lines=${6} />`}var b=({label:r,columns:o,rows:s})=>t`<div class="scroll" tabindex="0" role="region" aria-label=${r}><table class=${o.length>3?"stacked":void 0}>
    <thead><tr>${o.map(([a,i])=>t`<th scope="col" class=${i}>${a}</th>`)}</tr></thead>
    <tbody>${s.map(a=>t`<tr>${a.map((i,m)=>t`<td class=${o[m][1]} data-label=${o[m][0]}>${i}</td>`)}</tr>`)}</tbody>
  </table></div>`;function P(r,o={},s=20){let a=[r,JSON.stringify(o)],i=x(y=>v(r,{...o,limit:s},{signal:y}),a),m=f([]),l=f(null);N(()=>{[m.value,l.value]=[[],null]},[i.value]);let n=i.value?[i.value,...m.value]:[],d=n.at(-1)?.pagination.next,$=async()=>{try{m.value=[...m.value,await v(r,{...o,limit:s,after:d})]}catch(y){l.value=y}};return{rows:i.value&&n.flatMap(y=>y.data),total:i.value?.pagination.total,error:i.error||l.value,isLoading:i.isLoading,reload:i.reload,more:d?$:null}}var xe="admin-audit";function de(){let r=f({action:"",from:"",to:"",actorId:"",subjectId:""}),o=P("/audit",r.value),s=n=>r.value={...r.value,[n.target.name]:n.target.value.trim()},a=(n,d,$="text")=>t`<${D} type=${$} name=${n} label=${d} value=${r.value[n]} onChange=${s} errors=${o.error?.fields} />`,i=(n,d,$)=>t`<button type="button" class="plain" title=${d} onClick=${()=>r.value={...r.value,[n]:d}}>${$}</button>`,m=n=>[p(n.at,{dateStyle:"medium",timeStyle:"short"}),n.actorId?i("actorId",n.actorId,t`<bdi>${n.actorName||e("admin-a-user")}</bdi>`):e("admin-command"),i("action",n.action,t`<code dir="ltr">${n.action}</code>`),n.subjectId&&i("subjectId",n.subjectId,t`<span dir="ltr">${n.subjectType} ${n.subjectId.slice(-6)}</span>`),t`<${Se} changes=${n.changes} />`],l=[[e("date")],[e("admin-actor")],[e("admin-action")],[e("admin-subject")],[e("admin-changes")]];return t`<${u} intro=${e("admin-audit-intro")}>${e("admin-audit")}</${u}>
    <div class="filters wide">${a("action",e("admin-action"))}${a("actorId",e("admin-actor-id"))}${a("subjectId",e("admin-subject-id"))}${a("from",e("from"),"date")}${a("to",e("to"),"date")}</div>
    <${k} list=${o} empty=${e("admin-audit-none")} hint=${e("admin-audit-hint")}>${n=>t`<${b} label=${e("admin-audit")} columns=${l} rows=${n.map(m)} />`}</${k}>`}var J=r=>r==null?"\u2013":typeof r=="object"?JSON.stringify(r):String(r);function Se({changes:r}){let o=Object.entries(r);return t`<ul class="plain-list">${o.map(([s,a])=>t`<li><span dir="ltr">${s}${a?.hidden?"":`: ${"before"in Object(a)?`${J(a.before)} \u2192 ${J(a.after)}`:J(a)}`}</span></li>`)}</ul>`}var K={};R(K,{default:()=>ue,title:()=>ke});var ke="admin-jobs",$e=r=>e("admin-seconds",{count:T(r,{maximumFractionDigits:1})});function ue(){let r=x(o=>v("/jobs",{},{signal:o}));return t`<${u} intro=${e("admin-jobs-intro")}>${e("admin-jobs")}</${u}>
    ${r.error&&t`<${w} error=${r.error} onRetry=${r.reload} />`}
    ${!r.error&&!r.value&&t`<${g} lines=${8} />`}
    ${r.value&&t`<${Ce} queue=${r.value.queue} /><${je} jobs=${r.value.jobs} />
      <p><button type="button" class="secondary" aria-busy=${r.isLoading?"true":void 0} onClick=${r.reload}>${e("admin-refresh")}</button></p>`}`}function Ce({queue:r}){let o=["workers","waiting","running","failed"].map(s=>[e(`admin-queue-${s}`),T(r[s])]);return t`${r.workers===0&&t`<p class="banner warning" role="alert">${e("admin-no-worker")}</p>`}
    <${j} items=${[...o,[e("admin-queue-wait"),$e(r.longestWait)]]} />`}function je({jobs:r}){let o=({lastRun:i,failed:m})=>t`${i?e(`admin-outcome-${i.outcome}`):e("admin-never")}
    ${i?.error&&t`<br /><small dir="ltr">${i.error}</small>`}${m>0&&t`<br /><small>${e("admin-failed-for-good",{count:m})}</small>`}`,s=i=>[t`<code dir="ltr">${i.name}</code>`,i.schedule?t`<code dir="ltr">${i.schedule}</code>`:e("admin-when-needed"),i.lastRun?p(i.lastRun.startedAt,{dateStyle:"medium",timeStyle:"short"}):"\u2013",i.lastRun?$e(i.lastRun.duration):"\u2013",o(i)],a=[[e("admin-job")],[e("admin-schedule")],[e("admin-last-run")],[e("admin-duration"),"number"],[e("admin-outcome")]];return t`<${b} label=${e("admin-jobs")} columns=${a} rows=${r.map(s)} />`}var Q={};R(Q,{default:()=>pe,title:()=>Fe});var Fe="admin-overview",ce=r=>p(`${r}-01`,{month:"short",year:"numeric"});function pe(){let r=f(G.value.defaultCurrency),o=x(s=>v("/waqf/raised",{currency:r.value},{signal:s}),[r.value]);return t`<${u}>${e("admin-overview")}</${u}>
    <${C} title=${e("admin-raised")}>
      <div class="filters"><${H} value=${r.value} onChange=${s=>r.value=s.target.value} /></div>
      ${o.error&&t`<${w} error=${o.error} onRetry=${o.reload} />`}
      ${!o.error&&!o.value&&t`<${g} lines=${8} />`}
      ${o.value&&t`<${Re} raised=${o.value} />`}
    </${C}>
    <${De} />
    <${Pe} />`}function Re({raised:{months:r,currency:o}}){let s=n=>S(n,o),a=[...new Set(r.flatMap(n=>n.projects.map(d=>d.projectName)))];if(!a.length)return t`<${h} title=${e("admin-raised-none")}>${e("admin-raised-hint")}</${h}>`;let i=r.at(-1),m=r.map(({month:n,projects:d})=>({name:ce(n),parts:d.map(({projectName:$,received:y})=>({name:$,value:y,text:s(y)}))})),l=r.map(n=>[ce(n.month),s(n.received),s(n.refunded)]);return t`<${j} items=${[[e("admin-this-month"),s(i.received)],[e("admin-returned"),s(i.refunded)]]} />
    <${me} label=${e("admin-raised")} names=${a} points=${m} />
    <details><summary>${e("admin-figures")}</summary>
      <${b} label=${e("admin-raised")} columns=${[[e("admin-month")],[e("received"),"number"],[e("admin-returned"),"number"]]} rows=${l} />
    </details>`}function De(){let r=P("/waqf/donations/all",{status:"refunded"},5),o=[[e("date")],[e("project")],[e("admin-donor")],[e("refunded"),"number"]],s=a=>[p(a.createdAt),t`<bdi>${a.projectName}</bdi>`,t`<bdi>${a.donor.name||e("anonymous")}</bdi>`,S(a.refundedAmount,a.currency)];return t`<${C} title=${e("admin-refunds")}>
    <${k} list=${r} empty=${e("admin-refunds-none")} hint=${e("admin-refunds-hint")}>${a=>t`<${b} label=${e("admin-refunds")} columns=${o} rows=${a.map(s)} />`}</${k}>
  </${C}>`}function Pe(){let r=P("/payments/exceptions",{status:"open"},5),o=[[e("date")],[e("admin-exception")],[e("amount"),"number"]],s=i=>[p(i.occurredAt),i.message,i.amount===null?"":S(i.amount,i.currency)],a=t`<a href="/dashboard/staff/exceptions">${e("admin-exceptions-all")}</a>`;return t`<${C} title=${e("admin-exceptions")} footer=${a}>
    <${k} list=${r} empty=${e("admin-exceptions-none")} hint=${e("admin-exceptions-hint")}>${i=>t`<${b} label=${e("admin-exceptions")} columns=${o} rows=${i.map(s)} />`}</${k}>
  </${C}>`}var W={};R(W,{default:()=>be,title:()=>Ie});var Ie="admin-payout",fe=100;function be({id:r}){let o=x(s=>v(`/payments/payouts/${encodeURIComponent(r)}`,{limit:fe},{signal:s}),[r]);return t`<p><a href="/dashboard/admin/payouts">${e("admin-payouts")}</a></p>
    <${u}>${e("admin-payout")}</${u}>
    ${o.error&&t`<${w} error=${o.error} onRetry=${o.reload} />`}
    ${!o.error&&!o.value&&t`<${g} lines=${8} />`}
    ${o.value&&t`<${Le} payout=${o.value} />`}`}function Le({payout:r}){let o=m=>m===null?"\u2013":S(m,r.currency),s=[["amount",e("amount")],["charges",e("admin-charges")],["refunds",e("refunded")],["fees",e("admin-fees")],["other",e("admin-other")]],a=[[e("date")],[e("entry")],[e("admin-record")],[e("amount"),"number"],[e("admin-fees"),"number"],[e("admin-net"),"number"]],i=m=>[p(m.createdAt),t`<code dir="ltr">${m.type}</code>`,m.exceptionId?t`<a href="/dashboard/staff/exceptions">${e("admin-not-matched")}</a>`:t`<span dir="ltr">${m.recordNumber||m.providerReference}</span>`,...[m.amount,m.fee,m.net].map(l=>S(l,m.currency))];return t`<${j} items=${[[e("admin-arrival"),p(r.arrivalDate)],[e("admin-status"),e(`admin-payout-${r.status}`)],...s.map(([m,l])=>[l,o(r[m])])]} />
    <p><small dir="ltr">${r.providerReference}</small></p>
    ${r.lines.length?t`<${b} label=${e("admin-lines")} columns=${a} rows=${r.lines.map(i)} />`:t`<${h} title=${e("admin-lines-none")}>${e("admin-lines-hint")}</${h}>`}
    ${r.pagination.next&&t`<p>${e("admin-lines-more",{count:fe})}</p>`}`}var V={};R(V,{default:()=>he,title:()=>Ae});var Ae="admin-payouts";function he(){let r=P("/payments/payouts"),o=[[e("admin-arrival")],[e("admin-status")],[e("admin-charges"),"number"],[e("refunded"),"number"],[e("admin-fees"),"number"],[e("amount"),"number"],[e("admin-matched")]],s=a=>{let i=l=>l===null?"\u2013":S(l,a.currency),m=a.unmatched?e("admin-unmatched",{count:a.unmatched}):e(a.linesComplete?"admin-all-matched":"admin-lines-missing");return[t`<a href=${`/dashboard/admin/payouts/${a.id}`}>${p(a.arrivalDate)}</a>`,e(`admin-payout-${a.status}`),i(a.charges),i(a.refunds),i(a.fees),i(a.amount),m]};return t`<${u} intro=${e("admin-payouts-intro")}>${e("admin-payouts")}</${u}>
    <${k} list=${r} empty=${e("admin-payouts-none")} hint=${e("admin-payouts-hint")}>${a=>t`<${b} label=${e("admin-payouts")} columns=${o} rows=${a.map(s)} />`}</${k}>`}var X={};R(X,{default:()=>ve,title:()=>Ee});function F({isOpen:r,title:o,confirm:s,onConfirm:a,onClose:i,children:m}){let l=ee(),n=te();return N(()=>{r&&!l.current.open&&l.current.showModal(),!r&&l.current.open&&l.current.close()},[r]),t`<dialog ref=${l} aria-labelledby=${n} onClose=${i}>
    <article>
      <h2 id=${n}>${o}</h2>
      ${m}
      <footer class="actions">
        <button type="button" class="secondary" onClick=${i}>${e("cancel")}</button>
        <button type="button" onClick=${a}>${s}</button>
      </footer>
    </article>
  </dialog>`}var Ee="admin-prices",A=["gold","silver"],Me=864e5;function ve(){let r=f(G.value.defaultCurrency),o=x(a=>v("/zakat/nisab/history",{currency:r.value,limit:100},{signal:a}),[r.value]),s=o.value?.data;return t`<${u} intro=${e("admin-prices-intro")}>${e("admin-prices")}</${u}>
    <div class="filters"><${H} value=${r.value} onChange=${a=>r.value=a.target.value} /></div>
    <div class="columns">
      <${Oe} key=${r.value} currency=${r.value} last=${s?.[0]} onPublished=${o.reload} />
      <section>
        ${o.error&&t`<${w} error=${o.error} onRetry=${o.reload} />`}
        ${!o.error&&!s&&t`<${g} lines=${8} />`}
        ${s&&(s.length?t`<${Te} rows=${s} currency=${r.value} />`:t`<${h} title=${e("admin-prices-none")}>${e("admin-prices-hint")}</${h}>`)}
      </section>
    </div>`}var U=(r,o)=>`${T(r,{maximumFractionDigits:6})} ${o}`;function Te({rows:r,currency:o}){let s=Math.max(0,Math.floor((Date.now()-Date.parse(r[0].effectiveAt))/Me)),a=l=>{let n=r.filter(d=>d[l]).map(d=>({name:p(d.effectiveAt),value:d[l].pricePerGram,text:U(d[l].pricePerGram,o)})).reverse();return n.length>1&&t`<h3>${e(`nisabBasis-${l}`)}</h3><${le} label=${e(`admin-price-${l}`)} points=${n} />`},i=l=>[p(l.effectiveAt),...A.flatMap(n=>l[n]?[U(l[n].pricePerGram,o),S(l[n].nisab,o)]:["\u2013","\u2013"])],m=[[e("admin-effective")],...A.flatMap(l=>[[e(`admin-price-${l}`),"number"],[e(`admin-nisab-${l}`),"number"]])];return t`<${C} title=${e("admin-prices-published")}>
    <${j} items=${[[e("admin-age"),e("admin-days",{count:s})]]} />
    ${A.map(a)}
    <${b} label=${e("admin-prices-published")} columns=${m} rows=${r.map(i)} />
  </${C}>`}function Oe({currency:r,last:o,onPublished:s}){let a=f({gold:"",silver:""}),i=f(!1),m=c=>a.value={...a.value,[c.target.name.replace("PricePerGram","")]:c.target.value},{submit:l,error:n,errors:d,isSending:$}=E(async()=>{i.value=!1;let c=Object.fromEntries(A.filter(O=>a.value[O].trim()).map(O=>[`${O}PricePerGram`,se(a.value[O])]));await ae("PUT","/zakat/nisab",{body:{currency:r,...c}}),a.value={gold:"",silver:""},I(e("admin-published")),s()}),y=c=>{c.preventDefault(),i.value=!0},we=c=>t`<${ie} currency=${r} name=${`${c}PricePerGram`} label=${e(`admin-price-${c}`)} hint=${o?.[c]&&e("admin-last",{price:U(o[c].pricePerGram,r)})} value=${a.value[c]} errors=${d} onInput=${m} />`;return t`<form onSubmit=${y} novalidate>
    <h2>${e("admin-publish")}</h2>
    <${M} error=${n} />
    ${A.map(we)}
    <${L} isSending=${$}>${e("admin-publish")}</${L}>
    <${F} isOpen=${i.value} title=${e("admin-publish")} confirm=${e("admin-confirm")} onConfirm=${l} onClose=${()=>i.value=!1}>
      <p>${e("admin-ask-publish")}</p>
      <ul>${A.filter(c=>a.value[c].trim()).map(c=>t`<li>${e(`admin-price-${c}`)}: ${o?.[c]&&`${U(o[c].pricePerGram,r)} \u2192 `}<strong>${a.value[c]} ${r}</strong></li>`)}</ul>
    </${F}>
  </form>`}var _={};R(_,{default:()=>ge,title:()=>Ne});var Ne="admin-users",Ge=["user","officer","admin"],Z=()=>Ge.map(r=>[r,e(`admin-role-${r}`)]),ye={name:"",email:"",password:"",role:"user"};function ge(){let r=f({search:"",role:""}),{search:o,role:s}=r.value,a=x(l=>v("/users",{search:o,role:s},{signal:l}),[o,s]),i=f(null),m=l=>r.value={...r.value,[l.target.name]:l.target.value.trim()};return t`<${u} intro=${e("admin-users-intro")}>${e("admin-users")}</${u}>
    <div class="filters">
      <${D} type="search" name="search" label=${e("admin-search")} hint=${e("admin-search-hint")} value=${o} onChange=${m} errors=${a.error?.fields} />
      <${z} name="role" label=${e("admin-role")} value=${s} onChange=${m} options=${[["",e("admin-role-all")],...Z()]} />
    </div>
    ${a.error&&t`<${w} error=${a.error} onRetry=${a.reload} />`}
    ${!a.error&&!a.value&&t`<${g} lines=${8} />`}
    ${a.value&&t`<${He} users=${a.value} step=${i} />`}
    <${qe} onCreated=${a.reload} />
    ${i.value&&t`<${Ue} step=${i.value} onClose=${()=>i.value=null} onDone=${a.reload} />`}`}function He({users:r,step:o}){if(!r.length)return t`<${h} title=${e("admin-users-none")}>${e("admin-users-hint")}</${h}>`;let s=(n,d,$)=>o.value={kind:n,user:d,value:$},a=[[e("name")],[e("email")],[e("admin-role")],[e("admin-since")],[e("admin-steps")]],i=n=>t`<div class="buttons">
    <button type="button" class="secondary" aria-label=${`${e("admin-reset-link")}: ${n.email}`} onClick=${()=>s("reset",n)}>${e("admin-reset-link")}</button>
    ${n.id!==B.value.id&&t`<button type="button" class="secondary" aria-label=${`${e(n.disabled?"admin-enable":"admin-disable")}: ${n.email}`} onClick=${()=>s("disabled",n,!n.disabled)}>${e(n.disabled?"admin-enable":"admin-disable")}</button>`}
  </div>`,m=n=>n.id===B.value.id?e(`admin-role-${n.role}`):t`<select aria-label=${e("admin-role-of",{name:n.name})} value=${n.role} onChange=${d=>{s("role",n,d.target.value),d.target.value=n.role}}>
          ${Z().map(([d,$])=>t`<option value=${d} selected=${d===n.role}>${$}</option>`)}</select>`,l=r.map(n=>[t`<bdi>${n.name}</bdi>${n.disabled&&t`<br /><small>${e("admin-disabled")}</small>`}`,t`<span dir="ltr">${n.email}</span>`,m(n),p(n.createdAt),i(n)]);return t`<${b} label=${e("admin-users")} columns=${a} rows=${l} />${r.length===100&&t`<p>${e("admin-users-more")}</p>`}`}function Ue({step:{kind:r,user:o,value:s},onClose:a,onDone:i}){let m=f(null),{submit:l,error:n}=E(async()=>{if(r==="reset"){m.value=await q(`/users/${o.id}/password-reset`);return}await oe(`/users/${o.id}`,{[r]:s}),I(e("admin-changed")),a(),i()}),d={reset:"admin-ask-reset",disabled:s?"admin-ask-disable":"admin-ask-enable",role:"admin-ask-role"}[r],$=e(d,{name:o.name,role:r==="role"?e(`admin-role-${s}`):""});return m.value?t`<${F} isOpen title=${e("admin-reset-link")} confirm=${e("admin-copy")} onConfirm=${()=>navigator.clipboard.writeText(m.value.resetUrl).then(()=>I(e("admin-copied")))} onClose=${a}>
      <p>${e("admin-reset-hint",{time:p(m.value.expiresAt,{timeStyle:"short"})})}</p>
      <input readonly dir="ltr" aria-label=${e("admin-reset-link")} value=${m.value.resetUrl} onFocus=${y=>y.target.select()} />
    </${F}>`:t`<${F} isOpen title=${e("admin-sure")} confirm=${e("admin-confirm")} onConfirm=${l} onClose=${a}>
    <${M} error=${n} /><p>${$}</p>
  </${F}>`}function qe({onCreated:r}){let o=f(ye),s=re(ne,[]),a=$=>o.value={...o.value,[$.target.name]:$.target.value},{submit:i,error:m,errors:l,isSending:n}=E(async()=>{await q("/users",o.value,{key:s(o.value)}),I(e("admin-user-created")),o.value=ye,r()}),d=$=>({name:$,value:o.value[$],onInput:a,errors:l});return t`<details class="category"><summary><h2>${e("admin-create-user")}</h2></summary>
    <form onSubmit=${i} novalidate><${M} error=${m} />
      <${D} label=${e("name")} autocomplete="off" dir="auto" ...${d("name")} />
      <${D} type="email" label=${e("email")} autocomplete="off" dir="ltr" ...${d("email")} />
      <${D} type="password" label=${e("password")} hint=${e("password-hint")} autocomplete="new-password" dir="ltr" ...${d("password")} />
      <${z} label=${e("admin-role")} options=${Z()} ...${d("role")} />
      <${L} isSending=${n}>${e("admin-create-user")}</${L}>
    </form></details>`}var xt=[["/dashboard/admin",Q],["/dashboard/admin/users",_],["/dashboard/admin/prices",X],["/dashboard/admin/payouts",V],["/dashboard/admin/payouts/:id",W],["/dashboard/admin/audit",Y],["/dashboard/admin/jobs",K]],St=[["/dashboard/admin","admin-overview"],["/dashboard/admin/users","admin-users"],["/dashboard/admin/prices","admin-prices"],["/dashboard/admin/payouts","admin-payouts"],["/dashboard/admin/audit","admin-audit"],["/dashboard/admin/jobs","admin-jobs"]];export{St as links,xt as pages};
